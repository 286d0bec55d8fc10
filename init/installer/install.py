"""The `install` command: brings an instance to its answers, whatever state it was in.

First run, other answers, a moved directory and a run that was cut off are the same: render, compare, journal, apply,
prove. Every step may be done again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from . import answers, changes, files, lock, preflight, receipt, report, service
from .changes import Change, Kind
from .errors import Exit, Failure, Problem
from .product import Site
from .receipt import Receipt
from .session import Session


@dataclass(frozen=True)
class Plan:
    """What an install will do."""

    changes: Sequence[Change]
    prepares: bool
    migrates: bool
    #: Daemons must be started anew: release or instance lie elsewhere than when they were started.
    moved: bool
    receipt: Receipt

    @property
    def writes(self) -> list[Change]:
        return [change for change in self.changes if change.writes]


def make_plan(session: Session, site: Site) -> Plan:
    """Compares; writes nothing."""
    former = session.receipt
    compared = changes.compare(site.instance, session.product.rendered_files(site), former.files if former else {})
    state = session.product.state(site)
    prepares = not session.product.is_prepared(site)
    return Plan(
        changes=compared,
        prepares=prepares,
        # Data without a receipt is of an install that was cut off, maybe with other answers.
        migrates=not prepares and (former is None or dict(former.state) != dict(state)),
        moved=former is not None
        and (former.release_path, former.instance_path, former.release_id)
        != (site.release.root, site.instance.root, site.release.id),
        receipt=Receipt(
            bundle=site.release.bundle["name"],
            version=site.release.bundle["version"],
            release_id=site.release.id,
            release_path=site.release.root,
            instance_path=site.instance.root,
            answers=answers.given(session.answers, {"instance", *session.product.TRANSIENT}),
            files=changes.record(compared),
            state=state,
            installed=former.installed if former else "",
            unknown=former.unknown if former else {},
        ),
    )


def install(session: Session) -> None:
    start = time.monotonic()
    site = session.site()
    if not session.instance.exists:
        _preflight(session, site)
        _make_root(site)
    with lock.exclusive(site.instance.lock):
        _install(session, site)
    for line in session.product.summary(site):
        report.out(line)
    report.note(f"done in {time.monotonic() - start:.1f} s")


def _preflight(session: Session, site: Site) -> None:
    own = [process.pid for process in session.processes(site)]
    preflight.check(site, session.product, own)


def _make_root(site: Site) -> None:
    root = site.instance.root
    os.makedirs(os.path.dirname(root), mode=0o755, exist_ok=True)
    files.ensure_directory(root, 0o750, site.account.readable)


def _install(session: Session, site: Site) -> None:
    with report.step("preflight"):
        _preflight(session, site)
    for problem in session.product.warn(site):
        report.warn(problem)
    plan = make_plan(session, site)
    _name_edits(plan)
    unfinished = session.unfinished
    if unfinished is not None:
        report.note(f"  finishing {unfinished.operation} of {unfinished.began}, cut off at: {unfinished.last_step}")
    if _is_idle(session, site, plan):
        with report.step("prove") as remark:
            remark("; ".join(session.product.prove(site)))
        report.note("  nothing to change")
        return
    session.journal.begin("install", plan.receipt.answers)
    _apply(session, site, plan)
    session.journal.end()


def _is_idle(session: Session, site: Site, plan: Plan) -> bool:
    former = session.receipt
    return (
        former is not None
        and session.unfinished is None
        and not plan.writes
        and not plan.prepares
        and former.same_facts(plan.receipt)
        and service.is_complete(session, site)
    )


def _name_edits(plan: Plan) -> None:
    for change in plan.changes:
        if change.kind is Kind.EDITED:
            report.warn(Problem(f"{change.path} was edited by hand; it is left as it is"))
        elif change.kind is Kind.CONFLICT:
            report.warn(
                Problem(
                    f"{change.path} was edited by hand and has to change",
                    why="the answers changed what it must say",
                    hint=f"your version is kept as {change.path}{changes.EDITED_SUFFIX}; "
                    "settings of your own belong into the .d directory beside it",
                )
            )


def _apply(session: Session, site: Site, plan: Plan) -> None:
    product, journal = session.product, session.journal
    for directory in product.directories(site):
        files.ensure_directory(site.instance.path(directory.path), directory.mode, directory.owner)
    if plan.writes:
        with report.step("write configuration") as remark:
            for change in plan.writes:
                journal.step("write", path=change.path, kind=change.kind.value)
                changes.write(site.instance, change)
            remark(f"{len(plan.writes)} files")
    if plan.prepares:
        with report.step("make keys and database"):
            journal.step("prepare")
            product.prepare(site, journal)
    with _reverting(session, site, plan), report.step("start") as remark:
        journal.step("check configuration")
        product.check_configuration(site)
        journal.step("start")
        remark(service.bring_up(session, site, renew=plan.moved, reload=bool(plan.writes) or bool(session.unfinished)))
    if plan.migrates:
        with report.step("update the data"):
            journal.step("migrate")
            product.migrate(site, session.receipt.state if session.receipt else {})
    journal.step("prove")
    with report.step("prove") as remark:
        remark("; ".join(product.prove(site)))
    journal.step("receipt")
    if session.receipt is None or not session.receipt.same_facts(plan.receipt):
        receipt.write(site.instance.receipt, plan.receipt, site.account.readable)


@contextmanager
def _reverting(session: Session, site: Site, plan: Plan) -> Iterator[None]:
    """If the service does not come up with new files, the old ones are put back and serve again."""
    try:
        yield
    except Failure as failure:
        was_sound = session.receipt is not None and session.unfinished is None
        if not was_sound or plan.moved or not plan.writes:
            raise
        report.note("  the service does not come up with the new configuration; the old one is put back")
        changes.revert(site.instance, plan.writes)
        try:
            service.bring_up(session, site, renew=False, reload=True)
        except Failure as second:
            raise Failure(Exit.NEEDS_PERSON, *failure.problems, *second.problems) from second
        session.journal.end()
        raise Failure(Exit.ROLLED_BACK, *failure.problems) from failure
