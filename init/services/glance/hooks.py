"""The parts of the service glance that its declaration cannot express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from installer.bundle.api import Site
from installer.bundle.registration import Registration
from installer.bundle.render import fill
from installer.errors import Problem
from installer.host.limits import Appetite
from installer.kit import tls, wsgi
from installer.kit.proofs import Request
from installer.kit.wsgi import Application
from installer.service import data
from installer.service.service import Service
from installer.state import files
from installer.state.journal import Journal

from . import proof, unfinished

CONFIG = "etc/glance/glance-api.conf"
DATABASE = "data/glance.db"
PASSWORD = "keys/glance-password"  # noqa: S105
#: Header of Glance's answers that holds the identifier of the request, as in its log.
REQUEST_ID = "X-Openstack-Request-Id"
#: Patterns that the path of an instance must not contain, as no quoting helps, and why.
_UNUSABLE = {"#": "Glance takes the paths of its files from URLs, which would end at it"}


class Hooks(Service):
    title = "Glance"
    #: Uploads under way, besides the stores.
    PLACES = ("data/glance",)
    APPETITE = Appetite(1024, 256, 256 << 20, "run again with --processes 1")

    def check_answers(self, site: Site) -> list[Problem]:
        return list(wsgi.check_path("instance", site.instance.root, _UNUSABLE))

    def values(self, site: Site) -> Mapping[str, str]:
        path, public = site.instance.path, site.value("glance-url")
        return {
            "ca": f"cafile = {path(tls.CERTIFICATE).replace('$', '$$')}" if tls.is_private(site) else "",
            "config": path(CONFIG),
            "config_directory": path(f"{CONFIG}.d"),
            "public_endpoint": "# public_endpoint follows the address a client used"
            if public is None
            else f"public_endpoint = {public.replace('$', '$$')}",
            **wsgi.door_values(site, wsgi.names_path(self.name), REQUEST_ID),
        }

    def application(self, site: Site) -> Application | None:
        application = super().application(site)
        ready = Request("/healthcheck", status=200)
        return application and replace(application, request_id=REQUEST_ID, ready=ready)

    def registrations(self, site: Site) -> Sequence[Registration]:
        url = self.url_of(site, "glance-port")
        # The second makes it one that may keep an image, for the proof.
        return [Registration(self.name, "image", url, PASSWORD, self._password_size, ("service", "member"))]

    @property
    def _password_size(self) -> int:
        return next(secret.bytes for secret in self.declaration.secrets if secret.path == PASSWORD)

    def prepare(self, site: Site, journal: Journal) -> None:
        if not files.exists(site.instance.path(data.mark(self.declaration))):
            # Remains of an interrupted run, which no server has used.
            for store in self.stores(site):
                if store.paths[0] == DATABASE:
                    for path in store.paths:
                        site.account.run(files.remove, site.instance.path(path))
        super().prepare(site, journal)

    def prove(self, site: Site) -> list[str]:
        keystone = self.needed(site, "keystone", "local-url")
        return proof.prove(site, self.listeners(site), keystone, PASSWORD)

    def expiring(self, site: Site) -> list[Problem]:
        return list(unfinished.warn(site, DATABASE))

    def next_steps(self, site: Site) -> Sequence[str]:
        values = {
            "config_directory": site.instance.path(f"{CONFIG}.d"),
            "images": site.instance.path("data/glance/images"),
            "openstack": site.release.path("bin", "openstack"),
            "restart": site.command_line("restart"),
        }
        return [fill(__file__, "next-steps", values)]
