"""Hooks of a service of OpenStack beside Keystone, which validates its clients' tokens: it has an account there and
endpoints in the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from installer.bundle.api import Site
from installer.bundle.registration import Registration
from installer.bundle.render import fill
from installer.kit import tls, web, wsgi
from installer.kit.proofs import Request
from installer.kit.wsgi import Application
from installer.service import data
from installer.service.declaration import Listening, Secret
from installer.service.service import Service
from installer.state import files
from installer.state.journal import Journal

from . import settings
from .session import Session
from .users import User

#: The project of the accounts of services.
PROJECT = "service"


class Registered(Service):
    """Its `service.toml` declares one listener with a URL for clients, the secret `keys/NAME-password`, and that it
    needs Keystone and memcached."""

    #: The kind of service, by which clients find it in the catalog.
    TYPE = ""
    #: Roles of its account.
    ROLES: tuple[str, ...] = ("service",)
    #: Its configuration, relative to the instance. The operator's settings are in `CONFIG.d`.
    CONFIG = ""
    #: A path that is answered with 200, without a token, as soon as it serves.
    READY = "/"

    def values(self, site: Site) -> Mapping[str, str]:
        path = site.instance.path
        public_url = self._listener.public_url
        return {
            "config": path(self.CONFIG),
            "config_directory": path(f"{self.CONFIG}.d"),
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
            # Remains of an interrupted run, which no server has used: a migration cannot continue there.
            for store in self.stores(site):
                if store.paths[0] in self.declaration.data.sqlite:
                    for path in store.paths:
                        site.account.run(files.remove, site.instance.path(path))
        super().prepare(site, journal)

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
