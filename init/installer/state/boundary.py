"""Where root treads: paths are walked from directory to directory, by descriptor.

Below an instance there are directories in which the service's account may put anything under any name, at any moment.
Root follows a link only where nobody but root could have put one, and acts on what a descriptor shows, never on what
stood under a name before. What other modules do with an instance's files goes through here, files.py and trees.py, or
is done by a child that is the account, see account.py. Where the installer is not root, a path is a path.

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

#: Flags of every descriptor: no link is followed, no FIFO, lease or device is waited for.
SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
#: Links that one path may lead through, as many as the kernel's limit.
_LINKS = 40
#: Names that one directory may hold. No instance comes near; it keeps a hostile one from filling root's memory.
_NAMES = 200_000


class Refused(OSError):
    """Root leaves alone what somebody else may have put there."""


def refuse(path: str, why: str) -> Refused:
    return Refused(errno.ELOOP, f"{why}; users other than root can write there", path)


@dataclass(frozen=True)
class Place:
    """A name in an open directory: what functions of `os` take as `dir_fd` and as the path."""

    path: str
    #: None where the installer is not root; then the name is the whole path.
    directory: int | None
    name: str
    #: Whether others than root may exchange what has the name.
    guarded: bool

    def open(self, flags: int, mode: int = 0o600) -> int:
        """A descriptor. Where root follows links, `place` has followed them already."""
        safe = os.O_NONBLOCK | os.O_CLOEXEC if self.directory is None else SAFE
        return os.open(self.name, flags | safe, mode, dir_fd=self.directory)

    def beside(self, ending: str) -> Place:
        """The place of the name with that ending."""
        return Place(self.path + ending, self.directory, self.name + ending, self.guarded)

    def status(self) -> os.stat_result:
        """Of what has the name, be it a link."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def sync_directory(self) -> None:
        """Makes what was renamed, made or removed in the directory last through a crash."""
        parent = "." if self.directory is not None else os.path.dirname(self.path) or "."
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def place(path: str, *, follow: bool = False) -> Iterator[Place]:
    """Where the last name of `path` stands; with `follow`, where the link of that name leads, if it is one that root
    follows. Errors in the block name the path. Raises Refused for a way that leads through somebody else's link."""
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
    """Errors of the host in the block name the whole path: the host itself knows the last name at most."""
    try:
        yield
    except OSError as error:
        if not (isinstance(error.filename, str) and error.filename.startswith("/")):
            error.filename = path
        raise


class _Way:
    """The walk to the directory of a path's last name; `directory` is open then."""

    def __init__(self, path: str, *, follow: bool) -> None:
        self._path = path
        self._left: list[str] = []
        self._links = 0
        #: Whether somebody else may have exchanged a directory on the way.
        self.guarded = False
        #: Whether everybody may put something into the directory, but exchange nothing that is root's.
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
    """Whether others than root may exchange what lies in the directory, root's own files too."""
    if os.geteuid() != 0:
        return False
    sticky = bool(status.st_mode & stat.S_ISVTX)
    return status.st_uid != 0 or (_is_writable_for_others(status) and not sticky)


def _is_writable_for_others(status: os.stat_result) -> bool:
    return bool(status.st_mode & 0o002) or (bool(status.st_mode & 0o020) and status.st_gid != 0)


@contextmanager
def directory(path: str) -> Iterator[int]:
    """A descriptor of the directory. Raises as `place` does, and NotADirectoryError for whatever else stands there."""
    with place(path, follow=True) as at, _naming(path):
        descriptor = at.open(os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def names(descriptor: int, path: str) -> list[str]:
    """What an open directory holds, sorted; `path` is for errors."""
    with os.scandir(descriptor) as entries:
        found = [entry.name for entry in islice(entries, _NAMES + 1)]
    if len(found) > _NAMES:
        raise refuse(path, f"more than {_NAMES} files are in it")
    return sorted(found)


def give(at: Place, uid: int, gid: int, *, of: set[int]) -> bool:
    """Changes the owner of what has the name if that is one of the users `of`, and there is no other name. Whatever it
    is, it is neither opened nor followed. False if nothing was changed."""
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
    """Whether it says that there is nothing of that name, or that there cannot be."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG) and not isinstance(error, Refused)


def exchanged() -> suppress:
    """For what was there a moment ago: that it is gone, or became something else, is nothing to tell."""
    return suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
