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
    """Raises, while the service goes on, if it would not come up again: for want of room on the disk, or of rights to
    write, or since it does not accept its configuration."""
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
    problems = [*place.check(session), *lifecycle.check_units(session, site)]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return site
