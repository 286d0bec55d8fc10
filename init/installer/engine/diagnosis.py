"""Finds what is wrong with an installed instance, and why, without using the service as a client."""

from __future__ import annotations

from collections.abc import Iterator

from ..bundle.api import Site
from ..errors import Problem
from ..host import clock, ports, processes, space
from ..host.processes import Daemon
from ..manager.managers import Manager, manager_of
from ..state import support_period
from . import lifecycle, place
from .session import Session


def find_faults(session: Session, site: Site) -> list[Problem]:
    """All present problems, causes before their consequences."""
    manager = manager_of(site)
    apart = [
        *clock.check(),
        *clock.check_past(session.installed(), site.instance.receipt),
        *session.interruptions(),
        *space.check(space.volumes(site.instance)),
    ]
    # If nothing can be served from here, any further problem only follows from that.
    moved = list(place.check(session))
    if moved:
        return [*apart, *moved]
    return [
        *apart,
        *lifecycle.check_units(session, site),
        *_check_daemons(session, site, manager),
        *manager.check(),
        *session.product.check_data(site),
        *session.product.check_outside(site),
        *(problem for store in session.product.stores(site) for problem in store.check()),
    ]


def find_worries(session: Session, site: Site) -> list[Problem]:
    """Coming problems."""
    return [
        *clock.warn(),
        *support_period.warn(site.release),
        *space.warn(space.volumes(site.instance)),
        *session.product.expiring(site),
    ]


def _check_daemons(session: Session, site: Site, manager: Manager) -> Iterator[Problem]:
    found = session.processes()
    mains = [(daemon, lifecycle.main_process(found, daemon)) for daemon in session.product.daemons(site)]
    for daemon, main in mains:
        if main is None:
            yield _describe_end(session, manager, daemon)
        elif not manager.owns(daemon, main):
            why = f"systemd did not start process {main.pid}, and will not start it again"
            hint = f"run {session.command_line('restart')}"
            yield Problem(f"{daemon.name} runs on its own", why=why, hint=hint)
    if all(main for _, main in mains):
        yield from session.product.check_serving(site)
    else:
        yield from ports.check(session.product.listeners(site), [process.pid for process in found])


def _describe_end(session: Session, manager: Manager, daemon: Daemon) -> Problem:
    left = processes.of_daemon(session.processes(), daemon.name)
    reasons = [f"it was killed; {len(left)} of its workers are left" if left else "", manager.explain(daemon)]
    return Problem(
        f"{daemon.name} is not running",
        where=manager.place_of_words(daemon),
        why="; ".join(filter(None, reasons)),
        details=manager.last_words(daemon, 5),
        hint=f"run {session.command_line('start')}",
    )
