"""Compares rendered files with the disk and the receipt, to find what must be written."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..bundle.api import RenderedFile
from ..state import files
from ..state.files import Owner
from ..state.instance import Instance

#: Suffix of the copy that is kept of a hand-edited file when it is overwritten.
EDITED_SUFFIX = ".edited"


class Kind(enum.Enum):
    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    #: Edited by hand, but rendered as before: left alone.
    EDITED = "edited"
    #: Edited by hand, and rendered differently: the edited file is kept beside the new one.
    CONFLICT = "conflict"
    #: Rendered by an earlier run, no longer by this one.
    REMOVE = "remove"


@dataclass(frozen=True)
class Change:
    path: str
    kind: Kind
    old: bytes | None
    new: RenderedFile | None
    #: Of the old file. The owner is None unless root runs this: nobody else can set it.
    old_mode: int = 0
    old_owner: Owner | None = None

    @property
    def writes(self) -> bool:
        return self.kind in (Kind.CREATE, Kind.UPDATE, Kind.CONFLICT, Kind.REMOVE)

    @property
    def is_outside(self) -> bool:
        """Whether the file is outside the instance, as systemd units are."""
        return os.path.isabs(self.path)


Recorded = Mapping[str, Mapping[str, str]]


Written = Mapping[str, Collection[str]]


def compare(
    instance: Instance, wanted: Sequence[RenderedFile], recorded: Recorded, *, written: Written = MappingProxyType({})
) -> list[Change]:
    """One change for every file that is or was rendered; writes nothing.

    `written` has digests of content that interrupted runs wrote, which is not an edit.
    """
    changes = [_change(instance, file, recorded, written) for file in wanted]
    gone = sorted({*recorded, *written} - {file.path for file in wanted})
    for path in gone:
        old = files.read(instance.path(path))
        if old is not None and (path in recorded or files.digest(old) in written[path]):
            changes.append(Change(path, Kind.REMOVE, old, None, *_rights(instance.path(path))))
    return changes


def _change(instance: Instance, file: RenderedFile, known: Recorded, written: Written) -> Change:
    path = instance.path(file.path)
    recorded = known.get(file.path, {}).get("sha256")
    old = files.read(path)
    if old is None:
        return Change(file.path, Kind.CREATE, None, file)
    mode, owner = _rights(path)
    if old == file.content:
        kind = Kind.SAME if mode == file.mode else Kind.UPDATE
    elif recorded is None or files.digest(old) in (recorded, *written.get(file.path, ())):
        kind = Kind.UPDATE
    elif files.digest(file.content) == recorded:
        kind = Kind.EDITED
    else:
        kind = Kind.CONFLICT
    return Change(file.path, kind, old, file, mode, owner)


def _rights(path: str) -> tuple[int, Owner | None]:
    found = files.status(path, follow=False)
    if found is None:
        return 0, None
    return stat.S_IMODE(found.st_mode), Owner(found.st_uid, found.st_gid) if os.geteuid() == 0 else None


def write(instance: Instance, change: Change) -> None:
    """Writes the change to the disk."""
    path = instance.path(change.path)
    if change.new is None:
        files.remove(path)
        return
    if change.kind is Kind.CONFLICT and change.old is not None:
        files.write_atomically(path + EDITED_SUFFIX, change.old, change.new.mode, change.new.owner)
    files.write_atomically(path, change.new.content, change.new.mode, change.new.owner)


def revert(instance: Instance, changes: Iterable[Change]) -> None:
    """Puts back the files that the changes replaced, with their mode and owner."""
    for change in changes:
        path = instance.path(change.path)
        if change.old is None:
            files.remove(path)
        else:
            files.write_atomically(path, change.old, change.old_mode, change.old_owner)


def unused_directories(instance: Instance, recorded: Recorded, wanted: Collection[str]) -> list[str]:
    """Directories, relative to the instance, that hold only files of an earlier run and are not among the wanted
    ones."""
    former = {os.path.dirname(path) for path in recorded if not os.path.isabs(path)} - {"", *wanted}
    return [
        directory
        for directory in sorted(former)
        if files.is_directory(instance.path(directory))
        and all(os.path.join(directory, name) in recorded for name in files.names(instance.path(directory)))
    ]


def record(changes: Sequence[Change]) -> dict[str, dict[str, str]]:
    """The receipt's entries for the files: digests of the rendered content, even of files that were edited since."""
    return {
        change.path: {"sha256": files.digest(change.new.content), "mode": f"{change.new.mode:04o}"}
        for change in changes
        if change.new is not None
    }
