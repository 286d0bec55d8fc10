"""Hooks of a service of OpenStack beside Keystone, which validates its clients' tokens: it has an account there and
endpoints in the catalog."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
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
    """Its `service.toml` declares one listener with a URL for clients, the secret `keys/NAME-password`, an SQLite file
    for each database with the program that makes and upgrades them, and that it needs Keystone and memcached.

    Its databases are on the bundle's own server if Keystone's is."""

    #: The kind of service, by which clients find it in the catalog.
    TYPE = ""
    #: What the URL in the catalog ends with.
    VERSION = ""
    #: Roles of its account.
    ROLES: tuple[str, ...] = ("service",)
    #: Its configuration, relative to the instance. The operator's settings are in `CONFIG.d`.
    CONFIG = ""
    #: Its databases, in the order of the declared files, and the groups of the settings `connection` that name them; an
    #: empty group if the service finds the database by itself.
    DATABASES: Mapping[str, str] = MappingProxyType({})
    #: A path that is answered with 200, without a token, as soon as it serves.
    READY = "/"

    def values(self, site: Site) -> Mapping[str, str]:
        path = site.instance.path
        public_url = self._listener.public_url
        return {
            "config": path(self.CONFIG),
            "config_directory": path(f"{self.CONFIG}.d"),
            **{f"{group}_connection": url for group, url in self._connections(site, path(DATA)).items()},
            **self._authentication(site),
            "public_endpoint": settings.public_endpoint(site.value(public_url)),
            **wsgi.door_values(site, wsgi.names_path(self.name), settings.REQUEST_ID),
        }

    def _authentication(self, site: Site) -> Mapping[str, str]:
        """Settings of its account, for groups of its configuration that have it log in, and of the group that has it
        validate tokens."""
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
        values["credentials"] = fill(__file__, "credentials.conf", values).rstrip("\n")
        values["keystone_authtoken"] = fill(__file__, "keystone_authtoken.conf", values).rstrip("\n")
        return {name: values[name] for name in ("ca", "credentials", "keystone_authtoken", "region")}

    def databases(self, site: Site) -> Sequence[str]:
        return list(self.DATABASES) if database.kind(site) == "embedded" else []

    def _connections(self, site: Site, place: str) -> Mapping[str, str]:
        """By group, the settings `connection` for the databases, or for the copies that an upgrade works on, whose
        directory is `place`."""
        server = postgresql.NAME if place == site.instance.path(DATA) else postgresql.NEW
        urls = (
            # A writer waits for others for up to 30 s.
            database.embedded(site, name, server) if self.databases(site) else f"sqlite:///{place}/{file}?timeout=30"
            for name, file in zip(self.DATABASES, map(os.path.basename, self._files), strict=True)
        )
        found = zip(self.DATABASES.values(), urls, strict=True)
        return {group: url.replace("$", "$$") for group, url in found if group}

    def data_environment(self, site: Site, place: str) -> Mapping[str, str]:
        # Stronger than the files; oslo.config substitutes here, too.
        return {f"OS_{group.upper()}__CONNECTION": url for group, url in self._connections(site, place).items()}

    @property
    def _files(self) -> Sequence[str]:
        """The SQLite files, relative to the instance."""
        return self.declaration.data.sqlite

    def stores(self, site: Site) -> Sequence[Store]:
        kept = super().stores(site)
        return [store for store in kept if store.paths[0] not in self._files] if self.databases(site) else kept

    def unmade(self, site: Site) -> Sequence[str]:
        return [path for path in super().unmade(site) if path not in self._files or not self.databases(site)]

    def query(self, site: Site, statement: str) -> Sequence[Sequence[Any]] | None:
        """The rows that a statement of its first database finds; see `Sqlite.query`."""
        if self.databases(site):
            return postgresql.Server(site).query(self.databases(site)[0], statement)
        return Sqlite(site, self._files[0]).query(statement)

    @property
    def _listener(self) -> Listening:
        (listener,) = (each for each in self.declaration.listeners if each.public_url)
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
        url, secret = self.url_of(site, self._listener.answer) + self.VERSION, self._password
        return [Registration(self.name, self.TYPE, url, secret.path, secret.bytes, self.ROLES)]

    def prepare(self, site: Site, journal: Journal) -> None:
        if not files.exists(site.instance.path(data.mark(self.declaration))):
            # Remains of an interrupted run, which no server has used: in a file, a migration cannot continue.
            for path in (path for file in self._files for path in Sqlite(site, file).paths):
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
        for listener in self.listeners_of(site, self._listener.answer):
            proven.append(self.use(session, web.listener_url(site, listener)))
            if tls.has_tls(site):
                tls.check_served(site, listener)
        return list(dict.fromkeys(proven))

    def use(self, session: Session, url: str) -> str:
        """Uses the service at one of its URLs. Returns what was proven; raises VERIFICATION."""
        raise NotImplementedError
