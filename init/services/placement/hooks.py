"""The parts of the service placement that its declaration cannot express."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from types import MappingProxyType

from installer.bundle.api import Site
from installer.bundle.render import fill
from installer.host.limits import Appetite

from ..keystone.registered import Registered
from ..keystone.session import Session

#: The name of the proof's resource provider begins with it.
_NAME = "proof of the installer"


class Hooks(Registered):
    title = "Placement"
    TYPE = "placement"
    CONFIG = "etc/placement/placement.conf"
    DATABASES = MappingProxyType({"placement": "placement_database"})
    APPETITE = Appetite(1024, 128, 192 << 20, "run again with --processes 1")

    def use(self, session: Session, url: str) -> str:
        identifier = str(uuid.uuid4())
        provider = f"{url}/resource_providers/{identifier}"
        facts = {"uuid": identifier, "name": f"{_NAME} {os.getpid()}"}
        session.ask("POST", f"{url}/resource_providers", 201, body=facts)
        try:
            session.ask("GET", provider, 200)
        finally:
            session.ask("DELETE", provider, 204)
        session.ask("GET", provider, 404)
        return "a resource provider was made and deleted"

    def next_steps(self, site: Site) -> Sequence[str]:
        directory = site.instance.path(f"{self.CONFIG}.d")
        return [fill(__file__, "next-steps", {"config_directory": directory, "restart": site.command_line("restart")})]
