"""The commands `start`, `stop` and `restart`."""

from __future__ import annotations

from . import place, report, service
from .errors import Exit, Failure
from .plan import make_plan
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


def _as_written(session: Session) -> Session:
    """The session with the answers that the files say: after an install that was cut off, those of its receipt if
    nothing, or nothing any more, is written with the new ones. Raises PREFLIGHT if there is no finished install."""
    recorded = session.installed()
    if session.unfinished is None:
        return session
    former = session.following(recorded, given=session.given)
    return session if make_plan(former, former.site()).writes else former


def _ready_site(session: Session) -> Site:
    """The site of an instance that can be started. Raises PREFLIGHT where `install` has to come first."""
    session.settled()
    session = _as_written(session)
    site = session.site()
    problems = [*place.check(session), *service.check_units(session, site)]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return site
