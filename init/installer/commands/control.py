"""The commands `start`, `stop` and `restart`."""

from __future__ import annotations

from .. import report
from ..bundle.api import Site
from ..engine import lifecycle, place
from ..engine.plan import make_plan
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, check_all
from ..host import space


def start(session: Session) -> None:
    site = _ready_site(session)
    with session.exclusive(), report.step("start") as remark:
        remark(lifecycle.bring_up(session, site))


def stop(session: Session) -> None:
    site = session.site()
    if not session.instance.exists:
        session.installed()
    with session.exclusive():
        if lifecycle.take_down(session, site) == 0:
            report.note("  nothing was running")


def restart(session: Session) -> None:
    site = _ready_site(session)
    with session.exclusive():
        _check_startable(session, site)
        lifecycle.take_down(session, site)
        with report.step("start") as remark:
            remark(lifecycle.bring_up(session, site))


def _check_startable(session: Session, site: Site) -> None:
    """Raises, while the service still runs, if it could not start again: for lack of disk space or write permission, or
    because of an invalid configuration."""
    try:
        check_all(lambda: _check_room(session, site), lambda: session.product.check_configuration(site))
    except Failure as failure:
        why = "it would not start again; nothing was stopped"
        raise Failure(failure.exit_code, *failure.problems, Problem("not restarted", why=why)) from failure


def _check_room(session: Session, site: Site) -> None:
    problems = [*space.check(space.volumes(site.instance)), *lifecycle.check_writable(session, site)]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)


def _as_written(session: Session) -> Session:
    """The session with the answers that the files were rendered from: after an interrupted install, the receipt's
    unless a file already differs from them. Raises PREFLIGHT if no install has finished."""
    recorded = session.installed()
    if session.unfinished is None:
        return session
    former = session.following(recorded, given=session.given)
    return session if make_plan(former, former.site()).writes else former


def _ready_site(session: Session) -> Site:
    """The site of an instance that can be started. Raises PREFLIGHT if `install` must run first."""
    session.settled()
    session = _as_written(session)
    site = session.site()
    problems = [*place.check(session), *lifecycle.check_units(session, site)]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return site
