"""The store of a database on an operator's server; see `Store`. Its rows are saved to an SQLite file with Keystone's
tables, and restored from one: no server tools are needed, and either kind of database can restore the other's backup.

An upgrade works on such a file, too: it is tried, changed and adopted as a whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer import report
from installer.bundle.api import Site
from installer.bundle.store import Size
from installer.errors import Exit, Failure, Problem
from installer.kit import command
from installer.kit.data import copies
from installer.kit.data.sqlite import Sqlite
from installer.state import files
from installer.state.archive import Source

from . import database, nodes, running, server


@dataclass(frozen=True)
class External:
    site: Site

    @property
    def _file(self) -> Sqlite:
        """The store that SQLite would use; an upgrade works on its copy."""
        return Sqlite(self.site, database.SQLITE)

    @property
    def paths(self) -> Sequence[str]:
        return [*self._file.paths, database.MARK, database.BEGUN, nodes.MARK]

    @property
    def bulky(self) -> bool:
        return self.shared

    @property
    def shared(self) -> bool:
        return server.is_shared(self.site)

    @property
    def outdated(self) -> bool:
        return False

    def size(self) -> Size:
        """Unknown: the server cannot tell the size of its rows in a file. If there is no room for that file, a dump
        fails and changes nothing."""
        return Size(0, 0, 0)

    def check(self) -> list[Problem]:
        """`check_outside` queries the server."""
        return []

    def dump(self, target: str) -> Sequence[Source]:
        file = os.path.join(target, os.path.basename(database.SQLITE))
        self._save(file)
        return [Source(database.SQLITE, 0o600, file=file)]

    def load(self, source: str, names: Collection[str]) -> None:
        if database.SQLITE not in names:
            return
        if self.shared:
            report.note("  the database stays as it is, other nodes use it")
        else:
            files.move(os.path.join(source, database.SQLITE), copies.make_room(self.site, database.SQLITE))
            self.adopt()

    def copy(self) -> None:
        if not self.shared:
            self._save(self._file.begin_copy())

    def fingerprint(self) -> str:
        return "" if self.shared else self._file.fingerprint()

    def adopt(self) -> None:
        if files.is_taken(self._file.upgrading):
            claim(self.site)
            copy_rows(self.site, f"sqlite:///{self._file.upgrading}", database.connection(self.site))
            database.finish(self.site)
        self.discard()

    def discard(self) -> None:
        self._file.discard()

    def _save(self, file: str) -> None:
        copy_rows(self.site, database.connection(self.site), f"sqlite:///{file}")


def claim(site: Site) -> None:
    """Called before the database is filled. Raises PREFLIGHT if it cannot be used, or has tables, unless an interrupted
    run of this instance made them."""
    problems = server.check(site)
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    database.begin(site)


def copy_rows(site: Site, source: str, target: str, *, keep: bool = True) -> Mapping[str, Any]:
    """Copies all rows of one database to another; see rows.py. Raises NEEDS_PERSON if the target does not accept them
    unchanged. Without `keep`, only tries it."""
    printed = running.run_boot(site, "copy", source=source, target=target, keep=keep)
    outcome: Mapping[str, Any] = json.loads(command.last_lines(printed)[-1])
    if outcome["refused"]:
        more = ["and maybe more"] if outcome["more"] else []
        problem = Problem(
            "the database does not accept some rows",
            why="its limits of lengths, comparison of names or required values differ",
            details=[*outcome["refused"], *more],
            hint="rename or remove what they belong to, then run the command again",
        )
        raise Failure(Exit.NEEDS_PERSON, problem)
    if outcome["different"]:
        why = f"in {', '.join(outcome['different'])}; one of the databases may have been written to meanwhile"
        hint = "end whatever else uses them, then run the command again"
        raise Failure(Exit.NEEDS_PERSON, Problem("not all rows are the same in both databases", why=why, hint=hint))
    return outcome
