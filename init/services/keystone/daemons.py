"""The processes of an instance: memcached, and the server that runs Keystone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host import processes
from installer.host.processes import Daemon, Process
from installer.kit import addresses, memcached
from installer.state.files import tail

from . import acceptance, client, configuration, servers, settings

#: Daemons of releases that started them all in one directory.
UNPLACED = ("memcached", "httpd", "uwsgi")
#: Megabytes of the cache; the tokens and assignments of some ten thousand users fit.
CACHE_SIZE = 64
#: A start is given up when the daemons do nothing for so many seconds, or after LONGEST_START: on a slow machine
#: the import of Keystone alone can take a minute.
IDLE_SECONDS = 60
LONGEST_START = 900
#: The same where a server is there that answers, though not what Keystone does: what it lacks does not come by waiting.
REFUSING_SECONDS = 10
#: Seconds in which a service that runs answers whether it is Keystone.
PATIENCE = 10


def daemons(site: Site) -> list[Daemon]:
    return [memcached.daemon(site, CACHE_SIZE), servers.of(site).daemon(site)]


def check_configuration(site: Site) -> None:
    server = servers.of(site)
    acceptance.check(site, server.NAME, server.NAME, server.CONFIG, server.check_command(site))
    if configuration.is_edited(site):
        acceptance.check(site, server.NAME, "Keystone", settings.CONFIG, configuration.check_command(site))


def reload(site: Site, daemon: Process, changed: Collection[str]) -> bool:
    return servers.of(site).reload(site, daemon, changed)


def wait_ready(site: Site) -> None:
    """Returns when Keystone answers on every listener. Raises NEEDS_PERSON with the logs' last lines if not."""
    server = servers.of(site)
    silent = processes.Patience(IDLE_SECONDS, LONGEST_START)
    refusing = processes.Patience(REFUSING_SECONDS, LONGEST_START)
    for listener in addresses.listeners(site):
        while True:
            why = client.probe(site, listener)
            if not why:
                break
            found = [each for each in processes.find_processes(site.instance.run) if each.daemon == server.NAME]
            over = [silent.is_over(found), refusing.is_over(found) and why.startswith(client.ANSWERS)]
            if not found or "500" in why or any(over):
                raise _not_ready(site, why if found else f"{server.NAME} ended")
            time.sleep(0.05)


def check_serving(site: Site) -> list[Problem]:
    """Why listeners do not serve Keystone."""
    problems = []
    for listener in addresses.listeners(site):
        why = client.probe(site, listener, seconds=PATIENCE)
        if why:
            problems.append(_silent(site, client.listener_url(site, listener), why))
    return problems


def _silent(site: Site, url: str, why: str) -> Problem:
    return Problem(
        "the service does not answer",
        where=url,
        why=why,
        details=_first_fault(site),
        hint=f"remove the cause, then run {site.command_line('restart')}",
    )


def _not_ready(site: Site, why: str) -> Failure:
    return Failure(
        Exit.NEEDS_PERSON,
        Problem(
            "the service does not answer",
            where=site.instance.log,
            why=why,
            details=[*_first_fault(site), *_tail(site, servers.of(site).LOGS[0], 3)],
            hint="remove the cause and run the command again",
        ),
    )


def _tail(site: Site, log: str, lines: int) -> list[str]:
    return site.account.run(tail, site.instance.path(log), lines)


def _first_fault(site: Site) -> list[str]:
    """The first exception since the server started last: those that follow are of attempts to go on."""
    server = servers.of(site)
    lines = _tail(site, server.LOGS[1], 1000)
    starts = [index for index, line in enumerate(lines) if server.START in line]
    recent = lines[starts[-1] :] if starts else lines
    faults = (match[1] for match in map(server.FAULT.search, recent) if match)
    return [fault[:400] for fault in itertools.islice(faults, 1)] or recent[-3:]
