"""The parts of the service nova that its declaration cannot express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from installer.answers.values import join_host
from installer.bundle.api import Site
from installer.bundle.render import FILTERS, fill
from installer.host.limits import Appetite
from installer.host.processes import Daemon
from installer.kit import addresses, tls
from installer.kit.wsgi import Application

from ..keystone.registered import Registered
from ..keystone.session import Session
from ..rabbitmq.hooks import TRANSPORT
from . import proof


class Hooks(Registered):
    title = "Nova"
    TYPE = "compute"
    VERSION = "/v2.1"
    #: The second lists Nova's own services, for the proof.
    ROLES = ("service", "admin")
    CONFIG = "etc/nova/nova.conf"
    DATABASES = MappingProxyType({"nova_api": "api_database", "nova": "database", "nova_cell0": ""})
    APPETITE = Appetite(2048, 512, 768 << 20, "run again with --processes 1")

    def values(self, site: Site) -> Mapping[str, str]:
        return {
            **super().values(site),
            "console_tls": _console_tls(site),
            "console_url": self._console_url(site),
            "paste": site.instance.path("etc/nova/api-paste.ini"),
        }

    def application(self, site: Site) -> Application | None:
        application = super().application(site)
        return application and replace(application, files=[*application.files, TRANSPORT])

    def daemons(self, site: Site) -> list[Daemon]:
        return [replace(daemon, files=[*daemon.files, TRANSPORT]) for daemon in super().daemons(site)]

    def _console_url(self, site: Site) -> str:
        (listener,) = self.listeners_of(site, "novnc-port")
        scheme = "https" if tls.has_tls(site) else "http"
        return f"{scheme}://{join_host(addresses.host(site))}:{listener.port}/vnc_lite.html"

    def use(self, session: Session, url: str) -> str:
        return proof.use(session, url + self.VERSION)

    def next_steps(self, site: Site) -> Sequence[str]:
        values = {
            "config_directory": site.instance.path(f"{self.CONFIG}.d"),
            "console": self._console_url(site),
            "identity": self.needed(site, "keystone", "url"),
            "openstack": site.release.path("bin", "openstack"),
            "password": site.instance.path(self._password.path),
            "region": self.needed(site, "keystone", "region"),
            "restart": site.command_line("restart"),
            "transport": self.needed(site, "rabbitmq", "transport-config"),
        }
        return [fill(__file__, "next-steps", values)]


def _console_tls(site: Site) -> str:
    if not tls.has_tls(site):
        return "# Consoles come without TLS: no certificate was given."
    certificate, key = (site.instance.path(path) for path in (tls.CERTIFICATE, tls.KEY))
    return f"ssl_only = true\ncert = {FILTERS['oslo'](certificate)}\nkey = {FILTERS['oslo'](key)}"
