"""The command `status`: what runs, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import report
from ..bundle.api import Site
from ..engine import diagnosis, lifecycle
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..host import space
from ..manager.managers import manager_of
from . import rollback


def status(session: Session, as_json: bool) -> None:
    """Prints what runs and warns of coming problems. Raises VERIFICATION with all present ones."""
    recorded = session.installed()
    site = session.site()
    previous = rollback.describe_previous(session, recorded)
    problems = diagnosis.find_faults(session, site)
    worries = diagnosis.find_worries(session, site)
    daemons = _describe_daemons(session, site)
    if as_json:
        facts = {
            "ok": not problems,
            **_facts(session, site),
            "previous": previous,
            "daemons": daemons,
            "problems": [_describe_problem(problem) for problem in problems],
            "warnings": [_describe_problem(problem) for problem in worries],
        }
        report.document(facts)
    else:
        _print(session, site, daemons)
        if previous is not None:
            report.out(f"  {'before':<12} {rollback.tell_previous(previous)}")
        for problem in worries:
            report.warn(problem)
        if not problems and not worries:
            report.out("  all is well")
    if problems:
        raise Failure(Exit.VERIFICATION, *problems)


def _print(session: Session, site: Site, daemons: Sequence[Mapping[str, Any]]) -> None:
    report.out(f"{site.release.name}  {site.instance.root}")
    for url in session.product.urls(site):
        report.out(f"  {'serves':<12} {url}")
    for daemon in daemons:
        state = f"process {daemon['pid']}" if daemon["pid"] else "not running"
        if daemon["workers"]:
            state += f", {daemon['workers']} worker{'s'[: daemon['workers'] != 1]}"
        report.out(f"  {daemon['name']:<12} {state}")


def _describe_daemons(session: Session, site: Site) -> list[Mapping[str, Any]]:
    found = session.processes()
    described: list[Mapping[str, Any]] = []
    for daemon in session.product.daemons(site):
        main = lifecycle.main_process(found, daemon)
        workers = len(lifecycle.workers_of(found, main)) if main else 0
        described.append({"name": daemon.name, "pid": main.pid if main else None, "workers": workers})
    return described


def _facts(session: Session, site: Site) -> Mapping[str, Any]:
    """Facts that do not depend on whether all is well."""
    recorded, unfinished = session.installed(), session.unfinished
    keys = session.product.shared_keys(site)
    return {
        "release": site.release.name,
        "release_path": site.release.root,
        "release_id": site.release.id if site.release.is_listed else None,
        "instance": site.instance.root,
        "account": site.account.name,
        "installed": recorded.installed,
        "updated": recorded.updated,
        "state": dict(recorded.state),
        "urls": list(session.product.urls(site)),
        "listeners": [{"host": listener.host, "port": listener.port} for listener in session.product.listeners(site)],
        "units": manager_of(site).facts(),
        "keys": None if keys is None else keys.digest(),
        "volumes": [vars(volume) for volume in space.volumes(site.instance)],
        "unfinished": None
        if unfinished is None
        else {"operation": unfinished.operation, "began": unfinished.began, "last_step": unfinished.last_step},
    }


def _describe_problem(problem: Problem) -> Mapping[str, Any]:
    return {**vars(problem), "details": list(problem.details)}
