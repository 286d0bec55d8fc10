"""Operations on directory trees. For paths, see boundary.py."""

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

#: Limit of nested directories, far above any instance's: each keeps a descriptor open.
_DEEPEST = 100


@dataclass(frozen=True)
class Found:
    """An entry of a directory, with its status when it was found."""

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
        """Whether it is a regular file, and has no other name if another user than root may have linked it here."""
        return self.is_file and (self.status.st_nlink == 1 or not self.at.guarded)


def below(path: str) -> list[Found]:
    """The file `path`, or everything below it except directories, sorted by path. Does not follow links. Empty if there
    is nothing. The descriptors in their places are already closed."""
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
    """Everything below a directory, the content of a directory before itself. Each entry's descriptor is open until the
    next."""
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
    """Entries below a directory that users other than root may have planted and that are not plain files: links may
    lead elsewhere, and pipes may block."""
    return [entry for entry in below(path) if entry.at.guarded and not entry.is_plain]


def refuse(found: Sequence[Found], exit_code: Exit, why: str) -> None:
    """Raises a failure if anything was found; `why` states the danger."""
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
    """Gives `owner` the regular files below a directory that belong to root and have no other name."""
    with boundary.place(path) as at:
        for found in _visit(at, 0):
            if found.is_plain and found.status.st_uid == 0 != owner.uid:
                with boundary.exchanged():
                    boundary.give(found.at, owner.uid, owner.gid, of={0})


def hand_over(path: str, former: Owner, owner: Owner) -> None:
    """Gives `owner` everything of `former` below a directory, then the directory itself; links, not their targets.
    Files with a second name stay as they are."""
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
    """Removes a tree, or any other entry; it is not an error if there is none, or with `lenient` if something cannot be
    removed. Keeps the paths to `keep` and everything below them."""
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
    """Whether it is, is below, or contains one of the kept paths."""
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
