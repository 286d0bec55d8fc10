"""PostgreSQL for services of the instance that need a database. Without such a service, it does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from installer.bundle.api import RenderedFile, Site
from installer.bundle.store import Store
from installer.errors import Exit, Failure, Problem
from installer.host.processes import Daemon
from installer.kit.data import postgresql
from installer.kit.data.postgresql import Postgresql, Server
from installer.kit.readiness import Awaited, Logs
from installer.service.service import Service
from installer.state.journal import Journal


class Hooks(Service):
    title = "PostgreSQL"
    ENDINGS = MappingProxyType(dict.fromkeys((postgresql.NAME, postgresql.NEW), postgresql.ENDING))
    PLACES = postgresql.PLACES

    def _wanted(self, site: Site) -> list[str]:
        return [name for service in self._others.values() for name in service.databases(site)]

    def check_answers(self, site: Site) -> list[Problem]:
        server = Server(site)
        return [*server.check_account(), *server.check_version()] if self._wanted(site) else []

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
        made = Server(site).made()
        if set(self._wanted(site)) <= set(made):
            return []
        return [postgresql.MARK] if made else [postgresql.DATA, postgresql.MARK]

    def prepare(self, site: Site, journal: Journal) -> None:
        wanted, server = self._wanted(site), Server(site)
        journal.step("create databases", names=wanted)
        with server.keeping(wanted):
            pass
        server.remember(wanted)

    def stores(self, site: Site) -> Sequence[Store]:
        wanted = self._wanted(site)
        return [Postgresql(site, wanted)] if wanted else []

    def is_known(self, site: Site) -> bool:
        return bool(Server(site).made())

    def prove(self, site: Site) -> list[str]:
        if not self._wanted(site):
            return []
        why = Server(site).why_silent()
        if why:
            raise Failure(Exit.VERIFICATION, Problem("the database server does not answer", why=why))
        return ["the database server answers"]
