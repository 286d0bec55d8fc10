"""Files that are held open while other work goes on: logs, and space on the disk. For paths, see boundary.py."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from . import boundary, files


@contextmanager
def reserving(path: str, size: int) -> Iterator[Callable[[], object]]:
    """Reserves `size` bytes on the file system of `path` until the block ends or the yielded function is called."""
    temporary = path + files.TEMPORARY_SUFFIX
    files.remove(temporary)
    with boundary.place(temporary) as at:
        descriptor = at.open(files.NEW)
    try:
        with files.naming(path):
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        yield partial(files.remove, temporary)
    finally:
        files.remove(temporary)


@contextmanager
def appending(path: str, mode: int, owner: files.Owner | None, *, anew: bool = False) -> Iterator[int]:
    """A descriptor that appends to a log; creates a missing log for `owner`, and with `anew` empties it first. Raises
    Refused for anything but a log of the owner or root."""
    with boundary.place(path, follow=True) as at:
        descriptor = at.open(os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        with files.naming(path):
            found = os.fstat(descriptor)
            if at.guarded:
                files.check_plain(path, found)
            if owner is not None and found.st_uid != owner.uid:
                if found.st_uid != 0:
                    raise boundary.refuse(path, "another user's file is there")
                os.fchown(descriptor, owner.uid, owner.gid)
                os.fchmod(descriptor, mode)
            elif owner is None and found.st_size == 0:
                os.fchmod(descriptor, mode)
            if anew and stat.S_ISREG(found.st_mode):
                os.ftruncate(descriptor, 0)
            # Processes that inherit it may block on the disk.
            os.set_blocking(descriptor, True)
            yield descriptor
    finally:
        os.close(descriptor)
