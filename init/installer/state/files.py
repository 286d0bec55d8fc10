"""Writes files atomically: they are complete or absent. For paths, see boundary.py."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO

from ..errors import Exit, Failure, Problem
from . import boundary
from .boundary import Place, is_absence

#: Suffix of files that are being written; a left-over one can be removed.
TEMPORARY_SUFFIX = ".ksb-tmp"
#: Limit of a file to be read as a whole, in bytes: a sparse one may claim more than any memory holds.
LARGEST = 64 << 20

#: Flags for a file that must not exist yet.
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True)
class Owner:
    """User and group id for a file; None keeps those of the installer."""

    uid: int
    gid: int


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_file(path: str) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: str, *, linked_by: int | None = None) -> Iterator[BufferedReader]:
    """Opens the file to read. Where other users may put anything, root reads only regular files with one name, or
    several names if the file belongs to `linked_by`, who can read it anyway."""
    with naming(path), os.fdopen(open_plain(path, linked_by=linked_by), "rb") as file:
        yield file


def open_plain(path: str, flags: int = os.O_RDONLY, *, linked_by: int | None = None) -> int:
    """A descriptor of an existing file. Raises Refused if root must not trust it."""
    with boundary.place(path, follow=True) as at:
        descriptor = at.open(flags)
        try:
            if at.guarded:
                check_plain(path, os.fstat(descriptor), linked_by)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def check_plain(path: str, status: os.stat_result, linked_by: int | None = None) -> None:
    """Raises Refused unless it is a regular file with one name: another user may have replaced it."""
    if not stat.S_ISREG(status.st_mode):
        raise boundary.refuse(path, "it is not a regular file")
    if status.st_nlink != 1 and status.st_uid != linked_by:
        raise boundary.refuse(path, "the file has a second name")


def read(path: str) -> bytes | None:
    """The file's content; None if there is no such file or cannot be. Raises EFBIG for more than LARGEST."""
    try:
        with opened(path) as file:
            return read_whole(file, path)
    except OSError as error:
        if not is_absence(error):
            raise
        return None


def read_whole(file: BinaryIO, path: str) -> bytes:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST >> 20} MiB", path)
    return content


def tail(path: str, lines: int = 8) -> list[str]:
    """The last lines of a log; none if it cannot be read or is not a regular file."""
    try:
        with opened(path) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return []
            file.seek(max(0, status.st_size - 65536))
            return file.read(65536).decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


def status(path: str, *, follow: bool = True) -> os.stat_result | None:
    """The status of the file, after links that may be followed; None if there is nothing or cannot be."""
    try:
        with boundary.place(path, follow=follow) as at:
            return os.stat(at.name, dir_fd=at.directory, follow_symlinks=follow and at.directory is None)
    except OSError as error:
        if not is_absence(error):
            raise
        return None


def exists(path: str) -> bool:
    """Whether there is something of that name that this user can reach; a dangling link does not count."""
    try:
        return status(path) is not None
    except OSError:
        return False


def is_taken(path: str) -> bool:
    """Whether there is something of that name that this user can reach, even a dangling link."""
    try:
        return status(path, follow=False) is not None
    except PermissionError:
        return False


def require_free(path: str) -> None:
    """Raises PREFLIGHT if there is something of that name."""
    if is_taken(path):
        raise Failure(Exit.PREFLIGHT, Problem("a file of that name exists", where=path, hint="name another file"))


def is_mount(path: str) -> bool:
    """Whether a directory is a separate file system (a mount point)."""
    one, other = status(path, follow=False), status(os.path.dirname(path))
    return one is not None and other is not None and one.st_dev != other.st_dev


def is_directory(path: str) -> bool:
    """Whether it is a directory, or a link to one that may be followed."""
    try:
        found = status(path)
    except OSError:
        return False
    return found is not None and stat.S_ISDIR(found.st_mode)


def names(path: str) -> list[str]:
    """The sorted names in a directory."""
    with boundary.directory(path) as descriptor:
        return boundary.names(descriptor, path)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Makes OSErrors in the block name the file, which those of a descriptor do not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def write_atomically(path: str, content: bytes, mode: int, owner: Owner | None = None) -> None:
    """Writes `content` so that a reader, even after a crash, finds the old file or the new one, never a part.

    The umask does not affect the mode. A full disk leaves the old file in place.
    """
    with replacing(path, mode, owner) as file:
        file.write(content)


@contextmanager
def replacing(path: str, mode: int, owner: Owner | None = None) -> Iterator[BinaryIO]:
    """Yields a file to write, which replaces `path` if the block succeeds; otherwise nothing changes."""
    with boundary.place(path) as at:
        new = at.beside(TEMPORARY_SUFFIX)
        _remove(new)
        descriptor = new.open(NEW)
        try:
            with naming(path), os.fdopen(descriptor, "wb") as file:
                if owner is not None:
                    os.fchown(descriptor, owner.uid, owner.gid)
                os.fchmod(descriptor, mode)
                yield file
                file.flush()
                os.fsync(descriptor)
            os.rename(new.name, at.name, src_dir_fd=at.directory, dst_dir_fd=at.directory)
        except BaseException:
            _remove(new)
            raise
        at.sync_directory()


def ensure_directory(path: str, mode: int, owner: Owner | None = None) -> bool:
    """Makes the directory, or corrects its mode and owner. Returns True if anything changed."""
    with boundary.place(path) as at:
        changed = False
        try:
            os.mkdir(at.name, 0o700, dir_fd=at.directory)
            changed = True
        except FileExistsError:
            pass
        descriptor = _open_directory(at)
        try:
            found = os.fstat(descriptor)
            if owner is not None and (found.st_uid, found.st_gid) != (owner.uid, owner.gid):
                if at.guarded and found.st_uid not in (0, owner.uid):
                    raise boundary.refuse(path, "another user's directory is there")
                os.fchown(descriptor, owner.uid, owner.gid)
                changed = True
            if changed or found.st_mode & 0o7777 != mode:
                os.fchmod(descriptor, mode)
                changed = changed or found.st_mode & 0o7777 != mode
        finally:
            os.close(descriptor)
        if changed:
            at.sync_directory()
    return changed


def make_parents(path: str, mode: int) -> None:
    """Makes missing directories above the path."""
    parent = os.path.dirname(path)
    if not is_directory(parent):
        make_parents(parent, mode)
        ensure_directory(parent, mode)


def _open_directory(at: Place) -> int:
    try:
        return os.open(at.name, os.O_RDONLY | os.O_DIRECTORY | boundary.SAFE, dir_fd=at.directory)
    except OSError as error:
        if at.guarded and error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise boundary.refuse(at.path, "it is not a directory") from error
        raise


def move(source: str, target: str) -> None:
    """Moves a file, also to another file system. The target is complete or absent."""
    try:
        rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with opened(source) as old:
            found = os.fstat(old.fileno())
            with replacing(target, stat.S_IMODE(found.st_mode), _owner(found)) as new:
                shutil.copyfileobj(old, new)
        remove(source)


def rename(source: str, target: str) -> None:
    """Renames a file or a directory on the same file system."""
    with boundary.place(source) as old, boundary.place(target) as new:
        os.rename(old.name, new.name, src_dir_fd=old.directory, dst_dir_fd=new.directory)


def _owner(found: os.stat_result) -> Owner | None:
    return Owner(found.st_uid, found.st_gid) if os.geteuid() == 0 else None


def sync_directory(path: str) -> None:
    """Makes renames in the directory survive a crash."""
    with boundary.directory(path or ".") as descriptor:
        os.fsync(descriptor)


def remove(path: str) -> bool:
    """Removes a file, or a link itself; returns False if it did not exist."""
    try:
        with boundary.place(path) as at:
            return _remove(at)
    except FileNotFoundError:
        return False


def _remove(at: Place) -> bool:
    try:
        os.unlink(at.name, dir_fd=at.directory)
    except FileNotFoundError:
        return False
    except OSError as error:
        # A read-only file system refuses before it looks for the name.
        if error.errno != errno.EROFS or _is_there(at):
            raise
        return False
    return True


def _is_there(at: Place) -> bool:
    try:
        at.status()
    except FileNotFoundError:
        return False
    return True


def remove_directory(path: str) -> None:
    """Removes an empty directory."""
    with boundary.place(path) as at:
        os.rmdir(at.name, dir_fd=at.directory)
