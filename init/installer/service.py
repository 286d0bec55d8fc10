"""Brings an instance's daemons up and down, without a service manager."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import files, processes, report
from .account import service_environment
from .errors import Exit, Failure, Problem
from .processes import Daemon, Process
from .product import Site
from .session import Session


def main_process(found: Sequence[Process], daemon: Daemon) -> Process | None:
    """The daemon itself among the instance's processes."""
    name = os.path.basename(daemon.argv[0])
    return next((process for process in found if process.name == name and process.is_main), None)


def workers_of(found: Sequence[Process], main: Process) -> list[Process]:
    return [process for process in found if process.session == main.session and process.pid != main.pid]


def is_complete(session: Session, site: Site) -> bool:
    """Whether every daemon runs."""
    found = session.processes(site)
    return all(main_process(found, daemon) for daemon in session.product.daemons(site))


def bring_up(session: Session, site: Site, *, renew: bool, reload: bool) -> str:
    """Starts what does not run. `reload`: running daemons take new files; `renew`: they are started anew.

    Returns when the service answers, with a word on what was done.
    """
    adopt_logs(site)
    found = session.processes(site)
    words = []
    for daemon in session.product.daemons(site):
        main = main_process(found, daemon)
        if main is not None and not renew:
            workers = workers_of(found, main)
            if not reload or session.product.reload(site, main, workers):
                words.append(f"{daemon.name} {'reloaded' if reload and workers else 'runs'}")
                continue
        name = os.path.basename(daemon.argv[0])
        processes.stop([process for process in found if process.name == name])
        _start(site, daemon)
        words.append(f"{daemon.name} {'restarted' if main else 'started'}")
    session.product.wait_ready(site)
    return ", ".join(words)


def _start(site: Site, daemon: Daemon) -> None:
    for path in daemon.leftovers:
        files.remove(path)
    environment = service_environment(site.release, site.instance.temporary)
    child = processes.spawn(daemon, site.instance.run, site.account, environment)
    # A daemon that cannot run at all ends at once; one that lives is watched by wait_ready.
    if processes.wait_until(lambda: child.poll() is not None, 0.05, interval=0.01):
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(
                f"{daemon.name} ended at once",
                where=daemon.log,
                why=f"exit status {child.returncode}",
                details=tail(daemon.log),
                hint="remove the cause and run the command again",
            ),
        )
    child.returncode = 0  # It is meant to outlive the installer; without this, Popen warns that it still runs.


def adopt_logs(site: Site) -> None:
    """Gives the service's account the logs that somebody else, root with keystone-manage say, has begun."""
    owner = site.account.owner
    if owner is None:
        return
    for directory, _, names in os.walk(site.instance.log):
        for name in names:
            files.give(os.path.join(directory, name), owner)


def tail(path: str, lines: int = 8) -> list[str]:
    """The last lines of a log."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 65536))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


def take_down(session: Session, site: Site) -> int:
    """Stops every process of the instance; how many there were."""
    found = session.processes(site)
    if found:
        with report.step("stop"):
            processes.stop(found)
    return len(found)
