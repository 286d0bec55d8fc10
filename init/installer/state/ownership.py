"""Who owns a file, and who else can change it, or exchange it through a directory above it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import cache


def is_foreign(status: os.stat_result) -> bool:
    """Whether a user other than root and this one owns it or may write to it. The primary group of a user who is not
    root counts as that user: on many hosts each user has a private one."""
    mode = status.st_mode
    if status.st_uid not in _trusted(os.geteuid()):
        return True
    if stat.S_ISLNK(mode):
        return False
    own_group = os.geteuid() != 0 and status.st_gid == os.getegid()
    return bool(mode & (stat.S_IWOTH if own_group else stat.S_IWOTH | stat.S_IWGRP))


def loose_above(path: str) -> list[str]:
    """Descriptions of the directories above a path through which another user may exchange it."""
    return [describe(directory, status) for directory, status in _above(path) if _is_loose(status)]


def describe(path: str, status: os.stat_result) -> str:
    """Mode, owner and path in one line."""
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {path}"


def _is_loose(status: os.stat_result) -> bool:
    """Whether others may exchange its entries. In a sticky directory, users cannot exchange those of other users."""
    return is_foreign(status) and (status.st_uid not in _trusted(os.geteuid()) or not status.st_mode & stat.S_ISVTX)


def _above(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """The existing directories above a path."""
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        with suppress(FileNotFoundError, NotADirectoryError):
            yield path, os.lstat(path)


@cache
def _trusted(uid: int) -> frozenset[int]:
    return frozenset({0, uid, *_outside()})


def _outside() -> Iterator[int]:
    """The overflow user, as whom a user namespace shows each owner it does not map, unless it maps that id: such an
    owner is outside the container and could change its files anyway. See user_namespaces(7)."""
    try:
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            overflow = int(file.read())
        with open("/proc/self/uid_map", encoding="ascii") as file:
            ranges = [[int(word) for word in line.split()] for line in file]
    except (OSError, ValueError):
        return
    if not any(first <= overflow < first + count for first, _, count in ranges):
        yield overflow
