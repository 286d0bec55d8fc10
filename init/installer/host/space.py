"""Free space on the file systems of an instance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import Failure, Problem
from ..state import files
from ..state.instance import Instance

#: Free bytes and files below which a write to the database may fail.
FULL = 4 << 20
FULL_FILES = 10
#: Free bytes and files below which the operator is warned.
SCARCE = 64 << 20
SCARCE_FILES = 200


@dataclass(frozen=True)
class Volume:
    """A file system, named by a directory on it. `free` bytes and `files` are available to the service's account;
    `files` is None without a limit."""

    path: str
    free: int
    files: int | None
    read_only: bool


def volumes(instance: Instance) -> list[Volume]:
    """The file systems of the instance, that of its own directory first."""
    found: dict[int, Volume] = {}
    for directory in (instance.root, *_directories(instance.root)):
        device = os.stat(directory).st_dev
        if device not in found:
            space = os.statvfs(directory)
            left = space.f_favail if space.f_files else None
            read_only = bool(space.f_flag & os.ST_RDONLY)
            found[device] = Volume(directory, space.f_bavail * space.f_frsize, left, read_only)
    return list(found.values())


def _directories(root: str) -> list[str]:
    return [path for path in (os.path.join(root, name) for name in files.names(root)) if files.is_directory(path)]


def check(found: Sequence[Volume]) -> Iterator[Problem]:
    """Reports file systems that are read-only or full."""
    for volume in found:
        if volume.read_only:
            yield Problem("the file system is read-only", where=volume.path, hint="look at dmesg, then remount it")
        elif _is_below(volume, FULL, FULL_FILES):
            yield _problem("the disk is full", volume)


@contextmanager
def telling(instance: Instance) -> Iterator[None]:
    """Adds full file systems to a failure in the block: daemons themselves report only that they failed."""
    try:
        yield
    except Failure as failure:
        told = {(problem.what, problem.where) for problem in failure.problems}
        full = [problem for problem in check(volumes(instance)) if (problem.what, problem.where) not in told]
        raise Failure(failure.exit_code, *failure.problems, *full) from failure


def warn(found: Sequence[Volume]) -> Iterator[Problem]:
    """Warns of file systems that are nearly full."""
    for volume in found:
        if _is_below(volume, SCARCE, SCARCE_FILES) and not _is_below(volume, FULL, FULL_FILES):
            yield _problem("the disk is nearly full", volume)


def _is_below(volume: Volume, free: int, files: int) -> bool:
    return volume.free < free or (volume.files is not None and volume.files < files)


def _problem(what: str, volume: Volume) -> Problem:
    files = "" if volume.files is None else f" and room for {volume.files} files"
    why = f"{volume.free / (1 << 20):.1f} MiB{files} left"
    return Problem(what, where=volume.path, why=why, hint="free some space; start with old backups and archived logs")
