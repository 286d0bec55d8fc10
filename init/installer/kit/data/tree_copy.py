"""Saves, copies and fingerprints a directory of the service, as the service's account.

Follows no link: even if files are removed or exchanged meanwhile, it reads nothing that the account could not read.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ...state import boundary, files
from ...state.fingerprint import extents
from ...state.instance import check_name

#: Seconds since its last write after which a file counts as complete.
QUIET = 10.0
#: Bytes written between two syncs: a sync must take less time than the installer waits for a sign of life.
_PORTION = 32 << 20
#: The request to share another file's blocks; see ioctl_ficlone(2).
_FICLONE = 0x40049409


def is_usable(path: str) -> bool:
    os.listdir(path)
    return os.access(path, os.W_OK | os.X_OK)


def _below(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below a directory, by relative path; each directory before its content."""

    def fail(error: OSError) -> None:
        # A directory that the service removed meanwhile held nothing.
        if not boundary.is_absence(error):
            raise error

    for directory, inner, others in os.walk(path, onerror=fail):
        inner.sort()
        for name in sorted([*inner, *others]):
            where = os.path.join(directory, name)
            with suppress(FileNotFoundError):
                yield os.path.relpath(where, path), os.lstat(where)


def link(source: str, target: str) -> dict[str, Any]:
    """Links or copies every regular file below `source` to the same name below `target`, an empty directory. Returns
    the files' names, modes and whether that was possible, and the paths of everything else."""
    found: list[tuple[str, int, bool]] = []
    others: list[str] = []
    for name, status in _below(source):
        one, other = os.path.join(source, name), os.path.join(target, name)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(other, 0o700)
        elif _is_plain(name, status):
            with suppress(FileNotFoundError):
                found.append((name, status.st_mode & 0o777, _hold(one, other, status)))
        else:
            others.append(one)
    return {"files": found, "others": others}


def _is_plain(name: str, status: os.stat_result) -> bool:
    """Whether a backup can hold it, and it is not another user's file that the account has hard-linked."""
    if not stat.S_ISREG(status.st_mode) or (status.st_uid != os.geteuid() and status.st_nlink != 1):
        return False
    try:
        check_name(name)
    except ValueError:
        return False
    return True


def _hold(source: str, target: str, status: os.stat_result) -> bool:
    """Links a complete file; copies one that may still be written. Returns False for other users' files, and if the
    host refuses a link, as between file systems."""
    if status.st_uid != os.geteuid():
        return False
    if time.time() - status.st_mtime < QUIET:
        _copy_file(source, target)
        return True
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        return False
    return True


def copy(source: str, target: str) -> None:
    """Copies a directory with its content, except pipes, sockets and devices, and syncs it."""
    os.mkdir(target, 0o700)
    made = [(source, target)]
    for name, status in _below(source):
        one, other = os.path.join(source, name), os.path.join(target, name)
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(status.st_mode):
                os.mkdir(other, 0o700)
                made.append((one, other))
            elif stat.S_ISLNK(status.st_mode):
                os.symlink(os.readlink(one), other)
            elif stat.S_ISREG(status.st_mode):
                _copy_file(one, other)
    for one, other in reversed(made):
        files.sync_directory(other)
        with suppress(FileNotFoundError):
            shutil.copystat(one, other)
    files.sync_directory(os.path.dirname(target))


def _copy_file(source: str, target: str) -> None:
    """Copies a file with its mode and times; shares its blocks if possible."""
    old = os.open(source, os.O_RDONLY | boundary.SAFE)
    try:
        new = os.open(target, files.NEW | boundary.SAFE)
        try:
            status = os.fstat(old)
            _fill(new, old, status.st_size)
            os.fchmod(new, status.st_mode & 0o777)
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(new)
        finally:
            os.close(new)
    finally:
        os.close(old)


def _fill(new: int, old: int, size: int) -> None:
    with suppress(OSError):
        fcntl.ioctl(new, _FICLONE, old)
        return
    for start, end in extents(old, size):
        os.lseek(new, start, os.SEEK_SET)
        while start < end:
            # Zero if the file has become shorter.
            count = os.sendfile(new, old, start, min(end - start, _PORTION))
            if not count:
                break
            start += count
            os.fdatasync(new)
    os.ftruncate(new, size)


def fingerprint(path: str) -> str:
    """A text that changes if anything below is written, created, renamed or removed; says nothing about the content."""
    digest = hashlib.sha256()
    for name, status in _below(path):
        facts = [status.st_mode]
        if not stat.S_ISDIR(status.st_mode):
            facts += [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        digest.update(f"{name!r} {facts}\n".encode())
    return digest.hexdigest()
