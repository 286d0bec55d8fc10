"""PostgreSQL, for the services of the instance that ask for a database. Without such a service, it does nothing."""

from __future__ import annotations

import json
import pwd
from collections.abc import Iterator, Sequence
from types import MappingProxyType

from installer.bundle.api import RenderedFile, Site
from installer.bundle.store import Store
from installer.errors import Exit, Failure, Problem
from installer.host.processes import Daemon
from installer.kit.data import postgresql
from installer.kit.data.postgresql import Postgresql, Server
from installer.kit.readiness import Awaited, Logs
from installer.service.service import Service
from installer.state import files
from installer.state.journal import Journal

#: Names the databases that were made. What is lost later is told, and not made anew.
MARK = "keys/postgresql.databases"


class Hooks(Service):
    title = "PostgreSQL"
    ENDINGS = MappingProxyType({postgresql.NAME: postgresql.ENDING})

    def _wanted(self, site: Site) -> list[str]:
        return [name for service in self._others.values() for name in service.databases(site)]

    def check_answers(self, site: Site) -> list[Problem]:
        return list(_check_account(site)) if self._wanted(site) else []

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        return Server(site).files() if self._wanted(site) else []

    def daemons(self, site: Site) -> list[Daemon]:
        return [Server(site).daemon()] if self._wanted(site) else []

    def awaited(self, site: Site) -> list[Awaited]:
        if not self._wanted(site):
            return []
        log = f"log/{postgresql.NAME}.log"
        where = site.instance.path(postgresql.SOCKETS)
        return [Awaited(where, postgresql.NAME, Logs(log, log), lambda _seconds: Server(site).why_silent())]

    def is_prepared(self, site: Site) -> bool:
        return not self.unmade(site)

    def unmade(self, site: Site) -> Sequence[str]:
        made = _made(site)
        if set(self._wanted(site)) <= set(made):
            return []
        return [MARK] if made else [postgresql.DATA, MARK]

    def prepare(self, site: Site, journal: Journal) -> None:
        wanted, server = self._wanted(site), Server(site)
        journal.step("create databases", names=wanted)
        if not _made(site):
            server.make()
        with server.serving():
            for name in wanted:
                server.create(name)
        site.account.run(_write, site.instance.path(MARK), sorted({*_made(site), *wanted}))

    def stores(self, site: Site) -> Sequence[Store]:
        wanted = self._wanted(site)
        return [Postgresql(site, wanted)] if wanted else []

    def is_known(self, site: Site) -> bool:
        return bool(_made(site))

    def prove(self, site: Site) -> list[str]:
        if not self._wanted(site):
            return []
        why = Server(site).why_silent()
        if why:
            raise Failure(Exit.VERIFICATION, Problem("the database server does not answer", why=why))
        return ["the database server answers"]


def _made(site: Site) -> list[str]:
    content = files.read(site.instance.path(MARK))
    return [] if content is None else [str(name) for name in json.loads(content)]


def _write(path: str, names: Sequence[str]) -> None:
    """Runs as the service's account."""
    files.write_atomically(path, f"{json.dumps(names)}\n".encode(), 0o600)


def _check_account(site: Site) -> Iterator[Problem]:
    """The server asks for the name of its account. Where root installs, the account was found by its name."""
    if site.account.switch:
        return
    try:
        pwd.getpwuid(site.account.uid)
    except KeyError:
        why = f"user {site.account.uid} has no entry in /etc/passwd, and PostgreSQL asks for the name of who runs it"
        hint = "run bootstrap as a user who has one, or add an entry for this one"
        yield Problem("a database server cannot run as this user", why=why, hint=hint)
