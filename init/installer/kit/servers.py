"""The servers that run web applications, as the answer `server` says: one httpd for all, or a uWSGI for each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol

from ..bundle.api import Directory, Reload, RenderedFile, Site
from ..host.processes import Daemon, Process
from . import acceptance, wsgi
from .httpd import Httpd
from .readiness import Awaited, Logs
from .uwsgi import Uwsgi
from .wsgi import Application


class Server(Protocol):
    @property
    def name(self) -> str:
        """The name of its daemon."""

    @property
    def config(self) -> str:
        """Its rendered configuration, relative to the instance."""

    @property
    def logs(self) -> Logs: ...

    @property
    def applications(self) -> Sequence[Application]:
        """The applications that it runs."""

    def directories(self) -> list[Directory]: ...

    def rendered(self) -> RenderedFile: ...

    def daemon(self) -> Daemon: ...

    def check_command(self) -> list[str]:
        """The command that only checks its configuration."""

    def reloading(self, process: Process, changed: Collection[str]) -> Reload | None:
        """See `Product.reloading`."""


def of(site: Site, applications: Sequence[Application]) -> Sequence[Server]:
    if not applications:
        return []
    if site.values("server")[0] == "mod_wsgi":
        return [Httpd(site, applications)]
    if len(applications) == 1:
        return [Uwsgi(site, applications[0])]
    return [Uwsgi(site, each, f"uwsgi-{each.name}") for each in applications]


def directories(site: Site, applications: Sequence[Application]) -> list[Directory]:
    return [directory for server in of(site, applications) for directory in server.directories()]


def rendered_files(site: Site, applications: Sequence[Application]) -> list[RenderedFile]:
    """The servers' files and those of each application; see `wsgi.rendered_files`."""
    servers = [server.rendered() for server in of(site, applications)]
    return [*servers, *wsgi.rendered_files(site, applications)]


def daemons(site: Site, applications: Sequence[Application]) -> list[Daemon]:
    return [server.daemon() for server in of(site, applications)]


def check_configuration(site: Site, applications: Sequence[Application]) -> None:
    """Raises NEEDS_PERSON if a server does not accept its configuration."""
    for server in of(site, applications):
        acceptance.check(site, server.name, server.name, server.config, server.check_command())


def reloading(
    site: Site, applications: Sequence[Application], process: Process, changed: Collection[str]
) -> Reload | None:
    """The `Reload` with which a running server, the daemon of the process, takes its changed files."""
    servers = {server.name: server for server in of(site, applications)}
    return servers[process.daemon].reloading(process, changed) if process.daemon in servers else None


def awaited(site: Site, applications: Sequence[Application]) -> list[Awaited]:
    """How to tell that the applications are up: each answers at each of its listeners."""
    return [
        Awaited(each.ready.where(site, listener), server.name, server.logs, partial(each.ready.fault, site, listener))
        for server in of(site, applications)
        for each in server.applications
        for listener in each.listeners
    ]
