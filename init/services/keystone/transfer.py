"""The transfer of Keystone's rows to another database; see `Transfer`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote

from installer import report
from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.kit.data.postgresql import DATA, Server
from installer.kit.data.sqlite import Sqlite
from installer.service.service import Service
from installer.state import files, trees

from . import database, external, proof

#: The former server's password, kept until the new database is proven.
_FORMER = f"{database.CREDENTIAL}.former"


def place(where: str) -> Mapping[str, list[str]]:
    """The answers that select a database: `sqlite`, `embedded`, or a server's URL."""
    if where in ("sqlite", "embedded"):
        return {"database": [where if where == "embedded" else ""], "database-url": [""], "database-ca": [""]}
    return {"database": [""], "database-url": [where]}


def check_others(source: Site, target: Site, services: Sequence[Service]) -> None:
    """Raises PREFLIGHT if the target would have data of other services in another database, too."""
    moved = [each.title for each in services if each.databases(source) != each.databases(target)]
    if moved:
        what = f"the data of {', '.join(moved)} cannot be moved to another database"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=source.instance.root, hint="make a new instance there"))


@dataclass
class KeystoneTransfer:
    source: Site
    target: Site
    #: Issued before the transfer, validated after it.
    token: str | None = None

    @property
    def is_done(self) -> bool:
        return database.identity(self.source) == database.identity(self.target)

    @property
    def _ca(self) -> str:
        """The authority of the server, until the instance has its copy."""
        return self.target.instance.path("tmp", "database-ca.pem")

    @property
    def left(self) -> str:
        if database.kind(self.source) == "sqlite":
            path = self.source.instance.path(database.SQLITE)
            return f"the former database is unchanged; to remove it: rm {quote(path)}"
        if database.kind(self.source) == "embedded":
            return f"the former database is unchanged; {_removing(self.source)}"
        return f"the former database is unchanged, on its server; remove it there: {database.identity(self.source)}"

    @property
    def _file(self) -> Sqlite | None:
        """The store of the target, if that is a file."""
        return Sqlite(self.target, database.SQLITE) if database.kind(self.target) == "sqlite" else None

    def claim(self) -> None:
        problems = list(database.faults(self.target))
        if database.kind(self.target) == "embedded":
            problems += self._check_server()
        path = self.target.instance.path(database.SQLITE)
        if self._file and files.is_taken(path):
            hint = "move the file away; it may hold data"
            problems.append(Problem("there is a database already", where=path, hint=hint))
        if problems:
            raise Failure(Exit.PREFLIGHT, *problems)
        if not self._file:
            external.claim(self.target)

    def _check_server(self) -> Iterator[Problem]:
        """Problems that prevent the instance's own server, which may not exist yet, from taking the data."""
        server = Server(self.target)
        yield from server.check_account()
        made = server.made()
        if not database.begun(self.target) and (database.EMBEDDED in made or (server.left() and not made)):
            hint = f"it may hold data; {_removing(self.target)}"
            yield Problem("there is a database already", where=self.target.instance.path(DATA), hint=hint)

    def rehearse(self) -> str:
        self.token = proof.issue(self.source)
        place = self.source.instance.path("tmp", "transfer")
        trees.remove(place, lenient=True)
        files.ensure_directory(place, 0o700, self.source.account.owner)
        try:
            url = database.connection(self.source)
            if database.kind(self.source) == "sqlite":
                # Reading a file blocks its writers; copying it does not.
                Sqlite(self.source, database.SQLITE).dump(place)
                url = f"sqlite:///{os.path.join(place, os.path.basename(database.SQLITE))}"
            with self._reachable():
                found = external.copy_rows(self.target, url, self._goal(), keep=False)
        finally:
            trees.remove(place, lenient=True)
        if found["shortened"]:
            details = [f"{column}: {count} rows" for column, count in sorted(found["shortened"].items())]
            why = "this server keeps whole seconds in these columns"
            report.warn(Problem("times lose fractions of a second", why=why, details=details))
        return f"it accepts all {found['rows']} rows"

    def copy(self) -> str:
        with self._reachable():
            found = external.copy_rows(self.target, database.connection(self.source), self._goal())
        return f"{found['rows']} rows, the same in all {found['tables']} tables"

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Keeps both databases usable in the block."""
        server = Server(self.target)
        if database.kind(self.target) != "embedded":
            with database.reachable(self.source):
                yield
            return
        if set(server.made()) <= {database.EMBEDDED}:
            # Data of an earlier attempt may have been removed since.
            server.make()
        with server.keeping([database.EMBEDDED]):
            yield

    def _goal(self) -> str:
        if self._file is None:
            trusted = database.authority(self.target)
            if trusted is not None:
                files.write_atomically(self._ca, trusted, 0o640, self.target.account.readable)
            return database.connection(self.target, ca=self._ca)
        return f"sqlite:///{self._file.begin_copy()}"

    def adopt(self) -> None:
        secret, former = self.source.instance.path(database.CREDENTIAL), self.source.instance.path(_FORMER)
        if files.exists(secret) and not files.exists(former):
            files.write_atomically(former, files.read(secret) or b"", 0o600)
        if self._file:
            self._file.adopt()
        if database.kind(self.target) == "embedded":
            Server(self.target).remember([database.EMBEDDED])
        database.finish(self.target)

    def prove(self) -> None:
        if self.token is not None:
            proof.validate(self.target, self.token)

    def finish(self) -> None:
        files.remove(self.source.instance.path(_FORMER))
        files.remove(self._ca)

    def give_back(self) -> None:
        former = files.read(self.source.instance.path(_FORMER))
        if former is not None:
            mode = 0o640 if self.source.account.switch else 0o600
            secret = self.source.instance.path(database.CREDENTIAL)
            files.write_atomically(secret, former, mode, self.source.account.readable)
        database.finish(self.source)
        if self._file:
            for path in self._file.paths:
                files.remove(self.target.instance.path(path))
        else:
            # So that a later attempt knows its content as this instance's.
            database.begin(self.target)
        self.finish()


def _removing(site: Site) -> str:
    """How to remove the database on the instance's own server."""
    server = Server(site)
    if set(server.made()) - {database.EMBEDDED}:
        return f"other services use the same server; there, remove the database {database.EMBEDDED}"
    return f"to remove it: rm -r {' '.join(quote(site.instance.path(name)) for name in server.left())}"
