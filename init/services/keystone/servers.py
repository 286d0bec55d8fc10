"""The servers that can run Keystone. Each is a module with the same names; `Server` says which."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Protocol, cast

from installer.bundle.api import Directory, Site
from installer.host.processes import Daemon, Process

from . import httpd, uwsgi


class Server(Protocol):
    #: Its program, and its daemon.
    NAME: str
    #: Its rendered configuration, which is also the name of the template.
    CONFIG: str
    #: Where it tells why it does not start, then why it does not serve.
    LOGS: tuple[str, str]
    #: What the second log says at every start, and how an error stands there.
    START: str
    FAULT: re.Pattern[str]

    def directories(self, site: Site) -> list[Directory]: ...

    def values(self, site: Site) -> dict[str, str]:
        """What its template asks for beyond what all templates may."""

    def daemon(self, site: Site) -> Daemon: ...

    def check_command(self, site: Site) -> list[str]:
        """What reads its configuration and does nothing else."""

    def reload(self, site: Site, daemon: Process, changed: Collection[str]) -> bool: ...


_SERVERS = {"mod_wsgi": cast(Server, httpd), "uwsgi": cast(Server, uwsgi)}


def of(site: Site) -> Server:
    """The one that the answers name."""
    return _SERVERS[site.values("server")[0]]
