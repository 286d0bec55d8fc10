"""The commands `start`, `stop`, `restart` and `status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import lock, report, rollback, service
from .errors import Exit, Failure, Problem
from .managers import manager_of
from .product import Site
from .session import Session


def start(session: Session) -> None:
    site = _ready_site(session)
    with lock.exclusive(site.instance.lock), report.step("start") as remark:
        remark(service.bring_up(session, site))


def stop(session: Session) -> None:
    site = session.site()
    if not session.instance.exists:
        session.installed()
    with lock.exclusive(site.instance.lock):
        if service.take_down(session, site) == 0:
            report.note("  nothing was running")


def restart(session: Session) -> None:
    site = _ready_site(session)
    with lock.exclusive(site.instance.lock):
        session.product.check_configuration(site)
        service.take_down(session, site)
        with report.step("start") as remark:
            remark(service.bring_up(session, site))


def _ready_site(session: Session) -> Site:
    """The site of an instance that can be started. Raises PREFLIGHT where `install` has to come first."""
    recorded = session.installed()
    session.settled()
    site = session.site()
    here = (site.release.root, site.instance.root, site.release.id)
    if (recorded.release_path, recorded.instance_path, recorded.release_id) != here:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "the instance was configured for another place or another release",
                where=recorded.release_path,
                why="its files name that place",
                hint="run init/bootstrap.sh install: it renders them anew and keeps data and keys",
            ),
        )
    return site


def status(session: Session, as_json: bool) -> None:
    """Prints what runs. Raises VERIFICATION with everything that is wrong."""
    recorded = session.installed()
    site = session.site()
    problems = find_faults(session, site)
    previous = rollback.describe_previous(session, recorded)
    daemons = [_describe(session, site, daemon.name) for daemon in session.product.daemons(site)]
    if as_json:
        document = {
            "ok": not problems,
            "release": site.release.name,
            "instance": site.instance.root,
            "state": dict(recorded.state),
            "previous": previous,
            "daemons": daemons,
            "problems": [problem.what for problem in problems],
        }
        report.out(json.dumps(document, ensure_ascii=False))
    else:
        report.out(f"{site.release.name}  {site.instance.root}")
        for daemon in daemons:
            state = f"process {daemon['pid']}, {daemon['workers']} workers" if daemon["pid"] else "not running"
            report.out(f"  {daemon['name']:<12} {state}")
        if previous is not None:
            report.out(f"  {'before':<12} {rollback.tell_previous(previous)}")
    if problems:
        raise Failure(Exit.VERIFICATION, *problems)


def find_faults(session: Session, site: Site) -> list[Problem]:
    """What is wrong with the running service, short of using it."""
    problems = []
    if session.unfinished is not None:
        unfinished = session.unfinished
        problems.append(
            Problem(
                f"{unfinished.operation} of {unfinished.began} was cut off",
                why=f"its last step was: {unfinished.last_step}",
                hint=f"run {unfinished.resume or 'init/bootstrap.sh install'}; it goes on from there",
            )
        )
    found = session.processes()
    manager = manager_of(site)
    for daemon in session.product.daemons(site):
        if service.main_process(found, daemon) is None:
            left = [process for process in found if daemon.argv[0].endswith(f"/{process.name}")]
            problems.append(
                Problem(
                    f"{daemon.name} is not running",
                    why=f"it was killed; {len(left)} of its workers are left" if left else "",
                    details=manager.last_words(daemon, 3),
                    hint="run init/bootstrap.sh start",
                )
            )
    return problems + session.product.check_data(site)


def _describe(session: Session, site: Site, name: str) -> Mapping[str, Any]:
    found = session.processes()
    daemon = next(daemon for daemon in session.product.daemons(site) if daemon.name == name)
    main = service.main_process(found, daemon)
    workers = len(service.workers_of(found, main)) if main else 0
    return {"name": name, "pid": main.pid if main else None, "workers": workers}
