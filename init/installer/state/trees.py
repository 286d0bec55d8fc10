"""Whole directories, with what lies in them at any depth. For paths, see boundary.py."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..errors import Exit, Failure, Problem
from . import boundary, files
from .boundary import Place
from .files import Owner

#: Directories that lie in each other. No instance comes near; each of them keeps a descriptor open.
_DEEPEST = 100


@dataclass(frozen=True)
class Found:
    """Something in a directory, and its facts as they were when it was found."""

    at: Place
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_special(self) -> bool:
        """Whether it is a pipe, a socket or a device."""
        mode = self.status.st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))

    @property
    def is_plain(self) -> bool:
        """Whether it is a regular file, and has no other name if somebody else than root may have given it this one."""
        return self.is_file and (self.status.st_nlink == 1 or not self.at.guarded)


def below(path: str) -> list[Found]:
    """The file `path`, or everything below it that is no directory, sorted by path. Links are not followed. Empty if
    there is nothing. The directories that their places name are closed again."""
    try:
        with boundary.place(path) as at:
            status = at.status()
            if not stat.S_ISDIR(status.st_mode):
                return [Found(at, status)]
            found = [entry for entry in _visit(at, 0) if not entry.is_directory]
    except OSError as error:
        if not boundary.is_absence(error):
            raise
        return []
    return sorted(found, key=lambda entry: entry.at.path)


def _visit(at: Place, depth: int) -> Iterator[Found]:
    """Everything below a directory, and what lies in another one before that. Descriptors are open until the next."""
    if depth > _DEEPEST:
        raise boundary.refuse(at.path, f"more than {_DEEPEST} nested directories")
    flags = os.O_RDONLY | os.O_DIRECTORY | boundary.SAFE
    descriptor = os.open(at.name, flags, dir_fd=at.directory)
    try:
        guarded = at.guarded or boundary.is_exchangeable(os.fstat(descriptor))
        for name in boundary.names(descriptor, at.path):
            inner = Place(os.path.join(at.path, name), descriptor, name, guarded)
            with boundary.exchanged():
                status = inner.status()
                if stat.S_ISDIR(status.st_mode):
                    yield from _visit(inner, depth + 1)
                yield Found(inner, status)
    finally:
        os.close(descriptor)


def planted(path: str) -> list[Found]:
    """What lies below a directory where others than root may have put it, and is no file with one name: it may lead
    elsewhere, or be waited for."""
    return [entry for entry in below(path) if entry.at.guarded and not entry.is_plain]


def refuse(found: Sequence[Found], exit_code: Exit, why: str) -> None:
    """Raises if anything was found that should not be there; `why` says what may come of it."""
    if not found:
        return
    paths = [entry.at.path for entry in found]
    problem = Problem(
        "the service's files include a link, a pipe or the like",
        where=paths[0],
        why=why,
        details=paths[1:20],
        hint="remove it; if nobody here made it, an attacker may control the service's account",
    )
    raise Failure(exit_code, problem)


def adopt(path: str, owner: Owner) -> None:
    """Gives `owner` the regular files below a directory that are root's and have no other name."""
    with boundary.place(path) as at:
        for found in _visit(at, 0):
            if found.is_plain and found.status.st_uid == 0 != owner.uid:
                with boundary.exchanged():
                    boundary.give(found.at, owner.uid, owner.gid, of={0})


def hand_over(path: str, former: Owner, owner: Owner) -> None:
    """Gives `owner` what is `former`'s at and below a directory, itself last; links, not what they lead to. What has a
    second name elsewhere stays as it is."""
    with boundary.place(path, follow=True) as at:
        for found in _visit(at, 0):
            with boundary.exchanged():
                _succeed(found.at, found.status, former, owner)
        _succeed(at, at.status(), former, owner)


def _succeed(at: Place, status: os.stat_result, former: Owner, owner: Owner) -> None:
    uid = owner.uid if status.st_uid == former.uid else -1
    gid = owner.gid if status.st_gid == former.gid else -1
    if (uid, gid) != (-1, -1):
        boundary.give(at, uid, gid, of={status.st_uid} if uid == -1 else {former.uid})


def remove(path: str, *, lenient: bool = False, keep: Collection[str] = ()) -> None:
    """Removes a directory with all that lies in it, or whatever else has the name; that there is nothing is no error.
    `lenient`: nor is what cannot be removed. What lies at or below the paths to `keep` stays, and so do they."""
    try:
        with boundary.place(path) as at:
            directory = stat.S_ISDIR(at.status().st_mode)
            for found in _visit(at, 0) if directory else ():
                if not _holds(found.at.path, keep):
                    _remove(found.at, found.is_directory, lenient)
            if not _holds(path, keep):
                _remove(at, directory, lenient)
    except OSError as error:
        if not lenient and not boundary.is_absence(error):
            raise


def _holds(path: str, kept: Collection[str]) -> bool:
    """Whether it is, lies in or leads to one of those that there are."""
    return any(f"{path}/".startswith(f"{one}/") or (one.startswith(f"{path}/") and files.is_taken(one)) for one in kept)


def _remove(at: Place, directory: bool, lenient: bool) -> None:
    try:
        if directory:
            os.rmdir(at.name, dir_fd=at.directory)
        else:
            os.unlink(at.name, dir_fd=at.directory)
    except OSError as error:
        if not lenient and error.errno != errno.ENOENT:
            raise
