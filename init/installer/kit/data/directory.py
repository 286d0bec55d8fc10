"""Directories of files: saved as hard links, and copied by sharing blocks, if the file system can."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ... import report
from ...bundle.api import Site
from ...bundle.store import Size
from ...errors import Exit, Failure, Problem
from ...state import files, trees
from ...state.archive import Source
from . import copies, tree_copy

#: Suffix of the former directory while the copy takes its place.
_FORMER = ".former"


@dataclass(frozen=True)
class Directory:
    """The store of one directory; see `Store`. `path` is relative to the instance.

    A backup holds its regular files, each as of one moment: files written moments ago are copied first, others are read
    in place, and a file that changes meanwhile fails the backup. Links, pipes, sockets and empty directories are never
    saved; a restore leaves them alone. An upgrade replaces the directory by renaming the copy, so it must not be a
    separate file system.
    """

    site: Site
    path: str
    #: Whether the service's upgrade may change files there. If not, they are never copied.
    upgraded: bool = True
    bulky: bool = False
    shared: bool = False

    @property
    def paths(self) -> Sequence[str]:
        place = copies.place_of(self.path)
        return [self.path, place, place + _FORMER]

    @property
    def outdated(self) -> bool:
        return False

    @property
    def upgrading(self) -> str:
        """Absolute path of the copy that an upgrade works on."""
        return self.site.instance.path(copies.place_of(self.path))

    @property
    def _place(self) -> str:
        return self.site.instance.path(self.path)

    def size(self) -> Size:
        # Holes count: a backup may fill them.
        content = sum(found.status.st_size for found in trees.below(self._place) if found.is_file)
        return Size(content=content, dump=0, copy=content if self.upgraded else 0)

    def check(self) -> list[Problem]:
        try:
            if self.site.account.run(tree_copy.is_usable, self._place):
                return []
            why = f"{self.site.account.name} cannot write there"
        except OSError as error:
            why = error.strerror or ""
        hint = f"correct that, or restore a backup: {self.site.command_line('restore', 'FILE')}"
        return [Problem("the service cannot use its data", where=self._place, why=why, hint=hint)]

    def dump(self, target: str) -> Sequence[Source]:
        if not files.is_directory(self._place):
            raise copies.missing(self.site, self.path)
        found = self.site.account.run(tree_copy.link, self._place, target)
        if found["others"]:
            why = "only regular files with a plain name are saved"
            hint = "back up yourself what the service needs of it"
            report.warn(Problem("some files are not in the backup", why=why, details=found["others"], hint=hint))
        return [
            Source(
                os.path.join(self.path, name),
                mode,
                file=os.path.join(target if held else self._place, name),
                linked_by=self.site.account.uid,
            )
            for name, mode, held in found["files"]
        ]

    def load(self, source: str, names: Collection[str]) -> None:
        instance = self.site.instance
        for directory in {self.path, *map(os.path.dirname, names)}:
            copies.make_directory(self.site, instance.path(directory))
        for name in names:
            target = instance.path(name)
            found = files.status(target, follow=False)
            if found is not None and stat.S_ISDIR(found.st_mode):
                trees.remove(target)
            files.move(os.path.join(source, name), target)
        for directory in {self.path, *map(os.path.dirname, names)}:
            files.sync_directory(instance.path(directory))
        new = {instance.path(name) for name in names}
        for entry in trees.below(self._place):
            if entry.is_file and entry.at.path not in new:
                files.remove(entry.at.path)

    def copy(self) -> None:
        if not self.upgraded:
            return
        if not files.is_directory(self._place):
            raise copies.missing(self.site, self.path)
        if files.is_mount(self._place):
            what = "a directory that is a separate file system cannot be upgraded"
            hint = "mount that file system elsewhere, and keep the files in a directory of the instance meanwhile"
            raise Failure(Exit.PREFLIGHT, Problem(what, where=self._place, hint=hint))
        self.discard()
        self.site.account.run(tree_copy.copy, self._place, copies.make_room(self.site, self.path))

    def fingerprint(self) -> str:
        return self.site.account.run(tree_copy.fingerprint, self.upgrading) if self.upgraded else ""

    def adopt(self) -> None:
        former = self.upgrading + _FORMER
        if files.is_taken(self.upgrading):
            if files.is_taken(self._place):
                trees.remove(former)
                files.rename(self._place, former)
            files.rename(self.upgrading, self._place)
            files.sync_directory(os.path.dirname(self._place))
        self.discard()

    def discard(self) -> None:
        copies.discard(self.site, self.path, ("", _FORMER))
