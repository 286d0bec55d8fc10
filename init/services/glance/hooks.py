"""The parts of the service glance that its declaration cannot express."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from installer.bundle.api import Site
from installer.bundle.render import fill
from installer.errors import Problem
from installer.host.limits import Appetite
from installer.kit import wsgi

from ..keystone.registered import Registered
from ..keystone.session import Session
from . import proof, unfinished

#: Patterns that the path of an instance must not contain, as no quoting helps, and why.
_UNUSABLE = {"#": "Glance takes the paths of its files from URLs, which would end at it"}


class Hooks(Registered):
    title = "Glance"
    TYPE = "image"
    #: The second makes it one that may keep an image, for the proof.
    ROLES = ("service", "member")
    CONFIG = "etc/glance/glance-api.conf"
    DATABASES = MappingProxyType({"glance": "database"})
    READY = "/healthcheck"
    #: Uploads under way, besides the stores.
    PLACES = ("data/glance",)
    APPETITE = Appetite(1024, 256, 256 << 20, "run again with --processes 1")

    def check_answers(self, site: Site) -> list[Problem]:
        return list(wsgi.check_path("instance", site.instance.root, _UNUSABLE))

    def use(self, session: Session, url: str) -> str:
        return proof.use(session, url)

    def expiring(self, site: Site) -> list[Problem]:
        return list(unfinished.warn(site, lambda statement: self.query(site, statement)))

    def next_steps(self, site: Site) -> Sequence[str]:
        values = {
            "config_directory": site.instance.path(f"{self.CONFIG}.d"),
            "images": site.instance.path("data/glance/images"),
            "openstack": site.release.path("bin", "openstack"),
            "restart": site.command_line("restart"),
        }
        return [fill(__file__, "next-steps", values)]
