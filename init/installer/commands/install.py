"""Brings an instance to its answers from any state: the `install` command, and the last part of all others that change
an instance.

First run, other answers, a moved directory, another release, restored data and an interrupted run are handled alike:
render, compare, journal, apply, prove. Every step is idempotent.
"""

from __future__ import annotations

import os
import time

from .. import report
from ..bundle.api import Site
from ..engine import preflight
from ..engine.apply import apply, name_edits
from ..engine.plan import asked, is_idle, make_plan, needs_backup
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..host import clock, limits
from ..host.accounts import make_account
from ..manager import guards
from ..state import files
from ..state.release import compare_versions
from . import backup


def install(session: Session) -> None:
    start = time.monotonic()
    session.settled()
    site = ready_site(session)
    with session.exclusive():
        _install(session, site)
    summarize(session, site)
    report.note(f"done in {time.monotonic() - start:.1f} s")


def _install(session: Session, site: Site) -> None:
    with report.step("preflight"):
        check_version(session)
        preflight_all(session, site)
    warn_all(session, site, target=site)
    plan = make_plan(session, site)
    unfinished = session.unfinished
    if unfinished is not None:
        report.note(f"  finishing {unfinished.operation} of {unfinished.began}, interrupted at: {unfinished.last_step}")
    if is_idle(session, site, plan):
        name_edits(plan)
        with report.step("prove") as remark:
            remark("; ".join(session.product.prove(site)))
        report.note("  nothing to change")
        return
    session.journal.begin("install", asked(session))
    if needs_backup(session, plan):
        backup.take(session, site, "install")
    apply(session, site, plan)
    session.journal.end()


def check_version(session: Session) -> None:
    """Raises PREFLIGHT for an instance of another version: its data must be upgraded, or cannot be used."""
    recorded, bundle = session.receipt, session.release.bundle
    if recorded is None or (recorded.bundle, recorded.version) == (bundle["name"], bundle["version"]):
        return
    newer = compare_versions(recorded.version, bundle["version"]) > 0
    old = recorded.release_path
    if recorded.bundle != bundle["name"] or newer:
        hint = f"use {os.path.join(old, 'init', 'bootstrap.sh')}"
    elif old == session.release.root:
        # As in a container: the image of the new release has replaced that of the old one.
        again = session.command_line("install").replace(old, "OLD", 1)
        hint = f"bring {recorded.version} back in another directory, OLD, and run {again}, "
        hint += f"then {session.command_line('upgrade', '--from', 'OLD')}"
    else:
        hint = f"run {session.command_line('upgrade', '--from', old)}"
    raise Failure(
        Exit.PREFLIGHT,
        Problem(
            f"the instance is of {recorded.bundle} {recorded.version}, not of {bundle['name']} {bundle['version']}",
            where=session.instance.root,
            hint=hint,
        ),
    )


def ready_site(session: Session, *, outside: bool = True) -> Site:
    """The site; creates the instance's directory and the service's account if they are missing. See `preflight.check`.

    Raises PREFLIGHT with all problems before it creates anything.
    """
    site = session.candidate()
    if not session.instance.exists or not site.account.exists:
        preflight_all(session, site, outside=outside)
        site = _make_account(session, site)
        _make_root(site)
    return site


def _make_account(session: Session, site: Site) -> Site:
    """The site with an account that exists."""
    if site.account.exists:
        return site
    with report.step("create the account") as remark:
        make_account(site.account)
        remark(site.account.name)
    return session.site()


def _make_root(site: Site) -> None:
    # The operator may have made a symbolic link to its real place.
    root = os.path.realpath(site.instance.root)
    files.make_parents(root, 0o755)
    files.ensure_directory(root, 0o750, site.account.readable)


def summarize(session: Session, site: Site) -> None:
    for line in session.product.summary(site):
        report.out(line)


def preflight_all(session: Session, site: Site, *, outside: bool = True) -> None:
    """Raises PREFLIGHT with everything that prevents serving from the site."""
    own = [process.pid for process in session.processes()]
    preflight.check(site, session.product, own, former=session.instance, outside=outside)


def warn_all(session: Session, site: Site, *, target: Site) -> None:
    """Warns of anything unusual. `site` has the instance's present place, `target` its future one."""
    past = clock.check_past(session.receipt, session.instance.receipt) if session.receipt else ()
    for problem in (
        *clock.warn(),
        *past,
        *limits.warn(session.product.APPETITE),
        *session.product.warn(site),
        *guards.warn(target),
    ):
        report.warn(problem)
