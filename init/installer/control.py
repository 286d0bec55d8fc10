"""The commands `start`, `stop` and `restart`."""

from __future__ import annotations

from . import place, report, service
from .errors import Exit, Failure
from .product import Site
from .session import Session


def start(session: Session) -> None:
    site = _ready_site(session)
    with session.exclusive(), report.step("start") as remark:
        remark(service.bring_up(session, site))


def stop(session: Session) -> None:
    site = session.site()
    if not session.instance.exists:
        session.installed()
    with session.exclusive():
        if service.take_down(session, site) == 0:
            report.note("  nothing was running")


def restart(session: Session) -> None:
    site = _ready_site(session)
    with session.exclusive():
        session.product.check_configuration(site)
        service.take_down(session, site)
        with report.step("start") as remark:
            remark(service.bring_up(session, site))


def _ready_site(session: Session) -> Site:
    """The site of an instance that can be started. Raises PREFLIGHT where `install` has to come first."""
    session.installed()
    session.settled()
    site = session.site()
    problems = [*place.check(session), *service.check_units(session, site)]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return site
