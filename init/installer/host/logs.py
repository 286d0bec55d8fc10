"""Rotation of the logs of an instance, while daemons write to them.

A daemon keeps its log open and appends to it (O_APPEND). If the file were renamed, every worker would have to reopen
it, and httpd's way to do that costs requests. So archived lines are removed from the front of the file, which the
kernel does in one step that no writer notices: FALLOC_FL_COLLAPSE_RANGE of fallocate(2), on ext4 and XFS. Elsewhere the
file is cut in place, and a line written in the microseconds between the last read and the cut is lost.
"""

from __future__ import annotations

import ctypes
import errno
import gzip
import os
import stat
import time
from collections.abc import Iterator

from ..state import files
from . import clock

#: Size in bytes at which a log is archived before a day has passed.
LARGE = 16 << 20
#: Archives kept of each log.
KEEP = 14

_COLLAPSE_RANGE = 0x08
_ARCHIVE = ".gz"


def rotate(directory: str, since: float) -> list[str]:
    """Archives the logs below `directory` that are due, and removes old archives; returns a line for each archived log.

    `since` is when logging began, in seconds since 1970. Runs as the service's account.
    """
    done = []
    for path in sorted(find(directory)):
        kept = _beside(path, _ARCHIVE)
        last = os.stat(kept[-1]).st_mtime if kept else since
        size = os.path.getsize(path)
        if (size >= LARGE or clock.is_due(last, clock.DAY)) and archive(path):
            done.append(f"archived {os.path.relpath(path, directory)}, {size >> 10} KiB")
            kept = _beside(path, _ARCHIVE)
        for old in [*kept[:-KEEP], *_beside(path, _ARCHIVE + files.TEMPORARY_SUFFIX)]:
            files.remove(old)
    return done


def find(directory: str) -> Iterator[str]:
    """Paths of the logs below the directory. Runs as the service's account."""
    for parent, _, names in os.walk(directory):
        paths = (os.path.join(parent, name) for name in names if name.endswith(".log"))
        yield from (path for path in paths if stat.S_ISREG(os.lstat(path).st_mode))


def _beside(path: str, ending: str) -> list[str]:
    """The archives of a log, oldest first: their names begin with the log's and contain the time. Those dated in the
    future come before all others."""
    directory, name = os.path.split(path)
    found = (entry for entry in os.listdir(directory) if entry.startswith(f"{name}.") and entry.endswith(ending))
    paths = sorted(os.path.join(directory, entry) for entry in found)
    return sorted(paths, key=lambda path: not clock.is_ahead(os.stat(path).st_mtime))


def archive(path: str) -> bool:
    """Moves the complete lines of a log into a compressed file beside it. Returns False if they are too few.

    At any moment a line is in one of the two files; after a crash maybe in both.
    """
    target = f"{path}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{_ARCHIVE}"
    if os.path.lexists(target):
        return False
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        block = os.fstatvfs(descriptor).f_bsize
        if _has_holes(descriptor):
            return False
        # The kernel removes only whole blocks, and not the last one.
        cut = (os.fstat(descriptor).st_size - 1) // block * block
        end = _end_of_line(descriptor, cut)
        if cut <= 0 or end is None:
            return False
        _compress(descriptor, end, target)
        if _collapse(descriptor, cut):
            # The rest of the last archived line becomes an empty one.
            os.pwrite(descriptor, (b" " * (end - cut - 1) + b"\n")[: end - cut], 0)
        else:
            _cut_in_place(descriptor, end)
        return True
    finally:
        os.close(descriptor)


def _has_holes(descriptor: int) -> bool:
    """Whether it has holes and thus is no log: a log is written line by line, and a sparse file may be endless."""
    # An empty file has neither data nor holes, see lseek(2); the size is read first, as a writer may add to it.
    size = os.fstat(descriptor).st_size
    return size > 0 and os.lseek(descriptor, 0, os.SEEK_HOLE) < size


def _end_of_line(descriptor: int, position: int) -> int | None:
    """The first start of a line at or after `position`."""
    if position <= 0:
        return None
    offset = position - 1
    while piece := os.pread(descriptor, 65536, offset):
        found = piece.find(b"\n")
        if found >= 0:
            return offset + found + 1
        offset += len(piece)
    return None


def _compress(descriptor: int, end: int, path: str) -> None:
    temporary = path + files.TEMPORARY_SUFFIX
    files.remove(temporary)
    target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(target, "wb") as raw:
            with gzip.GzipFile("", "wb", fileobj=raw) as packed:
                _copy(descriptor, end, packed)
            raw.flush()
            os.fsync(raw.fileno())
        os.rename(temporary, path)
    except BaseException:
        files.remove(temporary)
        raise
    files.sync_directory(os.path.dirname(path))


def _copy(descriptor: int, end: int, target: gzip.GzipFile) -> None:
    with open(descriptor, "rb", buffering=0, closefd=False) as source:
        source.seek(0)
        left = end
        while left and (piece := source.read(min(left, 1 << 20))):
            target.write(piece)
            left -= len(piece)


def _collapse(descriptor: int, length: int) -> bool:
    """Removes the first bytes of a file; False if its file system cannot do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.fallocate(descriptor, _COLLAPSE_RANGE, ctypes.c_int64(0), ctypes.c_int64(length))
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number))


def _cut_in_place(descriptor: int, end: int) -> None:
    """Moves what follows `end` to the front, then cuts behind it; writers append to whatever the end is."""
    kept = 0
    while piece := os.pread(descriptor, 1 << 20, end + kept):
        os.pwrite(descriptor, piece, kept)
        kept += len(piece)
    os.ftruncate(descriptor, kept)
