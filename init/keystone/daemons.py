"""The processes of an instance: memcached and httpd, which runs Keystone."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence

from installer import network, processes
from installer.account import service_environment
from installer.errors import Exit, Failure, Problem
from installer.files import tail
from installer.processes import Daemon, Process
from installer.product import Site

from . import configuration, proof, settings

#: Megabytes of the cache; the tokens and assignments of some ten thousand users fit.
CACHE_SIZE = 64
START_SECONDS = 60


def daemons(site: Site) -> list[Daemon]:
    return [
        Daemon(
            name="memcached",
            # A relative path, since a socket's must fit into 108 bytes. Only the service's account can reach it:
            # whoever can write to the cache can make Keystone run code.
            argv=[
                site.release.path("bin", "memcached"),
                *("-s", os.path.relpath(configuration.CACHE_SOCKET, "run"), "-a", "0700"),
                *("-m", str(CACHE_SIZE), "-t", "2", "-c", "1024"),
            ],
            log=site.instance.path("log", "memcached.log"),
        ),
        Daemon(
            name="httpd",
            argv=[*_httpd(site), "-D", "FOREGROUND"],
            log=site.instance.path("log", "httpd-start.log"),
            network=True,
            low_ports=any(listener.port < 1024 for listener in settings.listeners(site)),
            # httpd refuses to start while any process has the pid that this file names.
            leftovers=[site.instance.path(configuration.PID_FILE)],
        ),
    ]


def _httpd(site: Site) -> list[str]:
    config = site.instance.path(configuration.HTTPD_CONFIG)
    return [site.release.path("bin", "httpd"), "-d", site.release.root, "-f", config]


def check_configuration(site: Site) -> None:
    """Lets httpd read its configuration. Raises NEEDS_PERSON with what it says."""
    result = subprocess.run(
        [*_httpd(site), "-t"],
        cwd=site.instance.run,
        env=dict(service_environment(site.release, site.instance.temporary)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        preexec_fn=site.account.become(),
    )
    if result.returncode != 0:
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(
                "httpd does not accept its configuration",
                where=site.instance.path(configuration.HTTPD_CONFIG),
                why=f"httpd -t ended with {result.returncode}",
                details=(result.stderr or result.stdout).splitlines()[-8:],
            ),
        )


def reload(site: Site, daemon: Process, workers: Sequence[Process]) -> bool:
    """httpd takes new files on SIGUSR1 and keeps its ports open; memcached has none to take.

    It opens new ports before it closes old ones, and ends if one is in the way of another: then it is started anew.
    """
    if daemon.name == "memcached":
        return True
    held = network.sockets_of(daemon.pid)
    if any(new.overlaps(old) and new != old for new in settings.listeners(site) for old in held):
        return False
    os.kill(daemon.pid, signal.SIGUSR1)
    return processes.wait_until(lambda: not any(map(processes.is_alive, workers)), 30)


def wait_ready(site: Site) -> None:
    """Returns when Keystone answers on every listener. Raises NEEDS_PERSON with the logs' last lines if not."""
    deadline = time.monotonic() + START_SECONDS
    for listener in settings.listeners(site):
        while True:
            why = proof.probe(listener)
            if not why:
                break
            dead = not processes.find_processes(site.instance.run, {"httpd"})
            if dead or "500" in why or time.monotonic() > deadline:
                raise _not_ready(site, "httpd ended" if dead else why)
            time.sleep(0.05)


def _not_ready(site: Site, why: str) -> Failure:
    return Failure(
        Exit.NEEDS_PERSON,
        Problem(
            "the service does not answer",
            where=site.instance.log,
            why=why,
            details=[*_first_fault(site), *tail(site.instance.path("log", "httpd-start.log"), 3)],
            hint="remove the cause and run the command again",
        ),
    )


_FAULT = re.compile(r"\] ((?:\w+\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*|\[.*(?:emerg|alert|crit)\].*)")


def _first_fault(site: Site) -> list[str]:
    """The first exception since httpd read its configuration last: those that follow are of attempts to go on."""
    lines = tail(site.instance.path(configuration.ERROR_LOG), 1000)
    starts = [index for index, line in enumerate(lines) if "resuming normal operations" in line]
    recent = lines[starts[-1] :] if starts else lines
    faults = (match[1] for match in map(_FAULT.search, recent) if match)
    return [fault[:400] for fault in itertools.islice(faults, 1)] or recent[-3:]
