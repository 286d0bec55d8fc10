"""Hooks of a service of OpenStack beside Keystone, which validates its clients' tokens: it has an account there and
endpoints in the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from installer.bundle.api import Site
from installer.bundle.registration import Registration
from installer.bundle.render import fill
from installer.bundle.store import DATA, Store
from installer.kit import tls, web, wsgi
from installer.kit.data import postgresql
from installer.kit.data.sqlite import Sqlite
from installer.kit.proofs import Request
from installer.kit.wsgi import Application
from installer.service import data
from installer.service.declaration import Listening, Secret
from installer.service.service import Service
from installer.state import files
from installer.state.journal import Journal

from . import database, settings
from .session import Session
from .users import User

#: The project of the accounts of services.
PROJECT = "service"


class Registered(Service):
    """Its `service.toml` declares one listener with a URL for clients, the secret `keys/NAME-password`, the database
    `data/NAME.db` with the program that makes and upgrades it, and that it needs Keystone and memcached.

    Its database is on the bundle's own server if Keystone's is."""

    #: The kind of service, by which clients find it in the catalog.
    TYPE = ""
    #: Roles of its account.
    ROLES: tuple[str, ...] = ("service",)
    #: Its configuration, relative to the instance. The operator's settings are in `CONFIG.d`.
    CONFIG = ""
    #: The group of the setting `connection`.
    DATABASE = "database"
    #: A path that is answered with 200, without a token, as soon as it serves.
    READY = "/"

    def values(self, site: Site) -> Mapping[str, str]:
        path = site.instance.path
        public_url = self._listener.public_url
        return {
            "config": path(self.CONFIG),
            "config_directory": path(f"{self.CONFIG}.d"),
            "connection": self._connection(site, path(DATA)).replace("$", "$$"),
            "keystone_authtoken": self._authentication(site),
            "public_endpoint": settings.public_endpoint(site.value(public_url)),
            **wsgi.door_values(site, wsgi.names_path(self.name), settings.REQUEST_ID),
        }

    def _authentication(self, site: Site) -> str:
        path = site.instance.path
        values = {
            "ca": f"cafile = {path(tls.CERTIFICATE).replace('$', '$$')}" if tls.is_private(site) else "",
            "local_url": self.needed(site, "keystone", "local-url"),
            "name": self.name,
            "password_file": path(self._password.path),
            "project": PROJECT,
            "region": self.needed(site, "keystone", "region"),
            "url": self.needed(site, "keystone", "url"),
        }
        return fill(__file__, "keystone_authtoken.conf", values).rstrip("\n")

    def databases(self, site: Site) -> Sequence[str]:
        return [self.name] if database.kind(site) == "embedded" else []

    def _connection(self, site: Site, place: str) -> str:
        """The URL for SQLAlchemy of the database, or of the copy that an upgrade works on, whose directory is
        `place`."""
        if self.databases(site):
            server = postgresql.NAME if place == site.instance.path(DATA) else postgresql.NEW
            return database.embedded(site, self.name, server)
        # A writer waits for others for up to 30 s.
        return f"sqlite:///{place}/{self.name}.db?timeout=30"

    def data_environment(self, site: Site, place: str) -> Mapping[str, str]:
        # Stronger than the files; oslo.config substitutes here, too.
        return {f"OS_{self.DATABASE.upper()}__CONNECTION": self._connection(site, place).replace("$", "$$")}

    @property
    def _file(self) -> str:
        """The SQLite file, relative to the instance."""
        (path,) = self.declaration.data.sqlite
        return path

    def stores(self, site: Site) -> Sequence[Store]:
        kept = super().stores(site)
        return [store for store in kept if store.paths[0] != self._file] if self.databases(site) else kept

    def unmade(self, site: Site) -> Sequence[str]:
        return [path for path in super().unmade(site) if path != self._file or not self.databases(site)]

    def query(self, site: Site, statement: str) -> Sequence[Sequence[Any]] | None:
        """The rows that a statement of its database finds; see `Sqlite.query`."""
        if self.databases(site):
            return postgresql.Server(site).query(self.name, statement)
        return Sqlite(site, self._file).query(statement)

    @property
    def _listener(self) -> Listening:
        (listener,) = self.declaration.listeners
        return listener

    @property
    def _password(self) -> Secret:
        path = f"keys/{self.name}-password"
        return next(secret for secret in self.declaration.secrets if secret.path == path)

    def application(self, site: Site) -> Application | None:
        application = super().application(site)
        ready = Request(self.READY, status=200)
        return application and replace(application, request_id=settings.REQUEST_ID, ready=ready)

    def registrations(self, site: Site) -> Sequence[Registration]:
        url, secret = self.url_of(site, self._listener.answer), self._password
        return [Registration(self.name, self.TYPE, url, secret.path, secret.bytes, self.ROLES)]

    def prepare(self, site: Site, journal: Journal) -> None:
        if not files.exists(site.instance.path(data.mark(self.declaration))):
            # Remains of an interrupted run, which no server has used: in a file, a migration cannot continue.
            for path in Sqlite(site, self._file).paths:
                site.account.run(files.remove, site.instance.path(path))
        with database.reachable(site):
            super().prepare(site, journal)

    def upgrade_data(self, site: Site) -> None:
        with database.reachable(site, copy=True):
            super().upgrade_data(site)

    def prove(self, site: Site) -> list[str]:
        session = Session(site, self.title, self.needed(site, "keystone", "local-url"))
        session.log_in(User(self.name, PROJECT), self._password.path)
        proven: list[str] = []
        for listener in self.listeners(site):
            proven.append(self.use(session, web.listener_url(site, listener)))
            if tls.has_tls(site):
                tls.check_served(site, listener)
        return list(dict.fromkeys(proven))

    def use(self, session: Session, url: str) -> str:
        """Uses the service at one of its URLs. Returns what was proven; raises VERIFICATION."""
        raise NotImplementedError
