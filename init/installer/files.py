"""Files written so that they are whole or not there, whatever happens meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

#: Ending of names of files that are being written; a left-over one is of no value.
TEMPORARY_SUFFIX = ".ksb-tmp"


@dataclass(frozen=True)
class Owner:
    """User and group id for a file; None keeps those of the installer."""

    uid: int
    gid: int


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_file(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: str) -> bytes | None:
    """The file's content; None if there is no such file, or cannot be one."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if not is_absence(error):
            raise
        return None


def is_absence(error: OSError) -> bool:
    """Whether it says that there is nothing of that name, or that there cannot be."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def tail(path: str, lines: int = 8) -> list[str]:
    """The last lines of a log."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 65536))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Makes errors of the host in the block name the file: those of a descriptor do not by themselves."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def write_atomically(path: str, content: bytes, mode: int, owner: Owner | None = None) -> None:
    """Writes `content` so that a reader, also one after a crash, finds the old file or the new one, never a part.

    The mode is as given under any umask. A full disk leaves the old file in place.
    """
    with replacing(path, mode, owner) as file:
        file.write(content)


@contextmanager
def replacing(path: str, mode: int, owner: Owner | None = None) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the block ends well; otherwise nothing is changed."""
    temporary = path + TEMPORARY_SUFFIX
    remove(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with naming(path), os.fdopen(descriptor, "wb") as file:
            if owner is not None:
                os.fchown(descriptor, owner.uid, owner.gid)
            os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        remove(temporary)
        raise
    sync_directory(os.path.dirname(path))


@contextmanager
def reserving(path: str, size: int) -> Iterator[Callable[[], object]]:
    """Keeps `size` bytes of the disk that `path` lies on until the block ends, or what it yields is called."""
    temporary = path + TEMPORARY_SUFFIX
    remove(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with naming(path):
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        yield partial(remove, temporary)
    finally:
        remove(temporary)


def ensure_directory(path: str, mode: int, owner: Owner | None = None) -> bool:
    """Makes the directory, or corrects its mode and owner. True if anything had to be done."""
    created = False
    try:
        os.mkdir(path, 0o700)
        created = True
    except FileExistsError:
        pass
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        changed = created
        with naming(path):
            if owner is not None and (status.st_uid, status.st_gid) != (owner.uid, owner.gid):
                os.fchown(descriptor, owner.uid, owner.gid)
                changed = True
            if status.st_mode & 0o7777 != mode:
                os.fchmod(descriptor, mode)
                changed = True
    finally:
        os.close(descriptor)
    if created:
        sync_directory(os.path.dirname(path))
    return changed


def give(path: str, owner: Owner | None, mode: int | None = None) -> None:
    """Changes owner and mode of a plain file. A link is left alone: it may have been made to lead elsewhere."""
    if stat.S_ISREG(os.lstat(path).st_mode):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if status.st_nlink != 1:
                return
            if owner is not None and (status.st_uid, status.st_gid) != (owner.uid, owner.gid):
                os.fchown(descriptor, owner.uid, owner.gid)
            if mode is not None and stat.S_IMODE(status.st_mode) != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def hand_over(root: str, former: Owner, owner: Owner) -> None:
    """Gives `owner` what is `former`'s at and below `root`, `root` last; links themselves, not what they lead to."""
    for _, directories, others, descriptor in os.fwalk(root, topdown=False):
        for name in [*directories, *others]:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            uid, gid = _successor(status, former, owner)
            if (uid, gid) != (-1, -1):
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(root, *_successor(os.lstat(root), former, owner), follow_symlinks=False)


def _successor(status: os.stat_result, former: Owner, owner: Owner) -> tuple[int, int]:
    """The ids to give; -1 keeps one as it is."""
    return owner.uid if status.st_uid == former.uid else -1, owner.gid if status.st_gid == former.gid else -1


def move(source: str, target: str) -> None:
    """Gives a file another name, which may be on another file system. The target is whole or not there."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        status = os.stat(source)
        with open(source, "rb") as old, replacing(target, stat.S_IMODE(status.st_mode), _owner(status)) as new:
            shutil.copyfileobj(old, new)
        os.unlink(source)


def _owner(status: os.stat_result) -> Owner | None:
    return Owner(status.st_uid, status.st_gid) if os.geteuid() == 0 else None


def sync_directory(path: str) -> None:
    """Makes renames in the directory last through a crash."""
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> bool:
    """Removes a file; False if it was not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
