"""Safe access for root: paths are walked from directory to directory, by descriptor.

Below an instance there are directories in which the service's account may put anything under any name, at any moment.
Root follows a link only where only root could have put one, and relies on what a descriptor shows, never on an earlier
look at a name. Other modules access an instance's files through this one, files.py and trees.py, or in a child that has
become the account, see account.py. If the installer is not root, paths are used as they are.

Facts: path_resolution(7), openat(2), proc(5) on /proc/self/fd.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

#: Flags of every descriptor: follow no link, never wait for a FIFO, lease or device.
SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
#: Links that one path may lead through: the kernel's limit.
_LINKS = 40
#: Names that one directory may hold, far above any instance's; keeps a hostile one from filling root's memory.
_NAMES = 200_000


class Refused(OSError):
    """Root leaves a file alone that another user may have put there."""


def refuse(path: str, why: str) -> Refused:
    return Refused(errno.ELOOP, f"{why}; users other than root can write there", path)


@dataclass(frozen=True)
class Place:
    """A name in an open directory, as functions of `os` take it: `dir_fd` and path."""

    path: str
    #: None if the installer is not root; then the name is the whole path.
    directory: int | None
    name: str
    #: Whether users other than root may exchange the named entry.
    guarded: bool

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Opens a descriptor. Links that root follows were already followed by `place`."""
        safe = os.O_NONBLOCK | os.O_CLOEXEC if self.directory is None else SAFE
        return os.open(self.name, flags | safe, mode, dir_fd=self.directory)

    def beside(self, ending: str) -> Place:
        """The place of the name with that suffix."""
        return Place(self.path + ending, self.directory, self.name + ending, self.guarded)

    def status(self) -> os.stat_result:
        """The status of the named entry, even of a link."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def sync_directory(self) -> None:
        """Makes renames, creations and removals in the directory survive a crash."""
        parent = "." if self.directory is not None else os.path.dirname(self.path) or "."
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def place(path: str, *, follow: bool = False) -> Iterator[Place]:
    """The place of the last name of `path`; with `follow`, of the target if that is a link that root follows. Errors in
    the block name the path. Raises Refused for a path through a link that another user may have put there."""
    if os.geteuid() != 0:
        yield Place(path, None, path, guarded=False)
        return
    with _naming(path):
        way = _Way(path, follow=follow)
        try:
            yield Place(path, way.directory, way.name, way.guarded)
        finally:
            os.close(way.directory)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Makes OSErrors in the block name the whole path: the kernel's name at most its last part."""
    try:
        yield
    except OSError as error:
        if not (isinstance(error.filename, str) and error.filename.startswith("/")):
            error.filename = path
        raise


class _Way:
    """Walks to the directory of a path's last name and leaves it open in `directory`."""

    def __init__(self, path: str, *, follow: bool) -> None:
        self._path = path
        self._left: list[str] = []
        self._links = 0
        #: Whether another user may have exchanged a directory on the way.
        self.guarded = False
        #: Whether others may create entries in the directory but not exchange root's, as it is sticky.
        self.shared = False
        self.directory = self._open_start(path)
        self.name = "."
        try:
            self._add(path)
            while self._left:
                self._step(last=len(self._left) == 1, follow=follow)
        except BaseException:
            os.close(self.directory)
            raise

    def _open_start(self, path: str) -> int:
        directory = os.open("/" if path.startswith("/") else ".", _HANDLE | os.O_DIRECTORY)
        self._judge(os.fstat(directory))
        return directory

    def _add(self, path: str) -> None:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        self._left.extend(reversed(parts))

    def _step(self, *, last: bool, follow: bool) -> None:
        name = self._left.pop()
        if name == ".." and self.guarded:
            raise refuse(self._path, "it leads upwards")
        if last and not follow and name != "..":
            self.name, self.guarded = name, self.guarded or self.shared
            return
        try:
            handle = os.open(name, _HANDLE, dir_fd=self.directory)
        except FileNotFoundError:
            if not last:
                raise
            self.name, self.guarded = name, self.guarded or self.shared
            return
        try:
            status = os.fstat(handle)
            if stat.S_ISLNK(status.st_mode):
                self._follow(handle, status)
            elif last and name != "..":
                self.name, self.guarded = name, self.guarded or (self.shared and status.st_uid != 0)
            elif stat.S_ISDIR(status.st_mode):
                self._judge(status)
                handle, self.directory = self.directory, handle
            else:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._path)
        finally:
            os.close(handle)

    def _follow(self, handle: int, status: os.stat_result) -> None:
        if self.guarded or (self.shared and status.st_uid != 0):
            raise refuse(self._path, "a link is in the way")
        self._links += 1
        if self._links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        target = os.readlink("", dir_fd=handle)
        if target.startswith("/"):
            os.close(self.directory)
            self.directory = self._open_start(target)
        self._add(target)

    def _judge(self, status: os.stat_result) -> None:
        self.shared = _is_writable_for_others(status) and bool(status.st_mode & stat.S_ISVTX)
        self.guarded = self.guarded or is_exchangeable(status)


def is_exchangeable(status: os.stat_result) -> bool:
    """Whether users other than root may exchange entries of the directory, even root's."""
    if os.geteuid() != 0:
        return False
    sticky = bool(status.st_mode & stat.S_ISVTX)
    return status.st_uid != 0 or (_is_writable_for_others(status) and not sticky)


def _is_writable_for_others(status: os.stat_result) -> bool:
    return bool(status.st_mode & 0o002) or (bool(status.st_mode & 0o020) and status.st_gid != 0)


@contextmanager
def directory(path: str) -> Iterator[int]:
    """A descriptor of the directory. Raises as `place` does, and NotADirectoryError for anything else."""
    with place(path, follow=True) as at, _naming(path):
        descriptor = at.open(os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def names(descriptor: int, path: str) -> list[str]:
    """The sorted names in an open directory; `path` is for errors."""
    with os.scandir(descriptor) as entries:
        found = [entry.name for entry in islice(entries, _NAMES + 1)]
    if len(found) > _NAMES:
        raise refuse(path, f"more than {_NAMES} files are in it")
    return sorted(found)


def give(at: Place, uid: int, gid: int, *, of: set[int]) -> bool:
    """Changes the owner of the named entry if that is one of the users `of`, and it has no other name. It is neither
    opened nor followed. Returns False if nothing was changed."""
    handle = os.open(at.name, _HANDLE, dir_fd=at.directory)
    try:
        status = os.fstat(handle)
        if status.st_uid not in of or (not stat.S_ISDIR(status.st_mode) and status.st_nlink != 1):
            return False
        with _naming(at.path):
            os.chown(f"/proc/self/fd/{handle}", uid, gid)
        return True
    finally:
        os.close(handle)


def is_absence(error: OSError) -> bool:
    """Whether the error means that there is nothing of that name, or cannot be."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG) and not isinstance(error, Refused)


def exchanged() -> suppress:
    """Suppresses errors for an entry that was removed or replaced since it was listed."""
    return suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
