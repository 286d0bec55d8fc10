"""The processes of an instance: memcached, and the server that runs Keystone."""

from __future__ import annotations

from collections.abc import Collection

from installer.bundle.api import Site
from installer.errors import Problem
from installer.host.processes import Daemon, Process
from installer.kit import acceptance, memcached, readiness, servers

from . import configuration, settings

#: Daemons of releases that started them all in one directory.
UNPLACED = ("memcached", "httpd", "uwsgi")
#: Megabytes of the cache; the tokens and assignments of some ten thousand users fit.
CACHE_SIZE = 64


def daemons(site: Site) -> list[Daemon]:
    return [memcached.daemon(site, CACHE_SIZE), *servers.daemons(site, settings.applications(site))]


def check_configuration(site: Site) -> None:
    applications = settings.applications(site)
    servers.check_configuration(site, applications)
    if configuration.is_edited(site):
        (server,) = servers.of(site, applications)
        acceptance.check(site, server.name, "Keystone", settings.CONFIG, configuration.check_command(site))


def reload(site: Site, daemon: Process, changed: Collection[str]) -> bool:
    return servers.reload(site, settings.applications(site), daemon, changed)


def wait_ready(site: Site) -> None:
    """Returns when Keystone answers on every listener. Raises NEEDS_PERSON with the logs' last lines if not."""
    readiness.wait_ready(site, servers.awaited(site, settings.applications(site)))


def check_serving(site: Site) -> list[Problem]:
    """Why listeners do not serve Keystone."""
    return readiness.check_serving(site, servers.awaited(site, settings.applications(site)))
