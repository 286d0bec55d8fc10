"""Carries a plan out: write, start, change the data, prove. A failure up to the start is reverted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from .. import report
from ..bundle.api import Site, directories, make_directories
from ..errors import Exit, Failure, Problem, problems_of
from ..host import space
from ..state import files, held, lock, receipt, trees
from ..state.journal import Journal
from ..state.receipt import Receipt
from . import changes, lifecycle
from .changes import Kind, Recorded
from .plan import Plan
from .session import Session

#: Bytes reserved for a revert: the former files, and those that daemons write when they start.
_ROOM = 2 << 20


def apply(session: Session, site: Site, plan: Plan) -> float:
    """Carries the plan out. The journal must have begun. Returns the monotonic time at which the service answered."""
    with space.telling(site.instance):
        return _apply(session, site, plan)


def _apply(session: Session, site: Site, plan: Plan) -> float:
    name_edits(plan)
    product, journal = session.product, session.journal
    if plan.former_owner is not None and site.account.owner is not None:
        journal.step("hand over", account=site.account.name)
        lifecycle.take_down(session, site)
        trees.hand_over(site.instance.root, plan.former_owner, site.account.owner)
    if site.account.switch:
        lock.keep_to_root(site.instance.lock)
    make_directories(product, site)
    lock.make_of_account(site.instance.root)
    with ExitStack() as loaded:
        with _room(session, plan) as give_room:
            _write(journal, site, plan)
            if plan.prepares:
                with report.step("create keys and data"):
                    journal.step("prepare")
                    product.prepare(site, journal)
            with _reverting(session, site, plan, give_room), report.step("start") as remark:
                migrate = loaded.enter_context(_migration(session, site, plan))
                journal.step("check configuration")
                product.check_configuration(site)
                journal.step("start")
                remark(lifecycle.bring_up(session, site, renew=plan.renews, changed=changed(session, plan)))
                lifecycle.enable(site)
                up = time.monotonic()
        if plan.migrates:
            with report.step("update the data"):
                journal.step("migrate", state=dict(plan.receipt.state))
                migrate()
    journal.step("prove")
    with report.step("prove") as remark:
        remark("; ".join(product.prove(site)))
    journal.step("receipt")
    _remove_unused_directories(session, site, session.receipt.files if session.receipt else {})
    if session.receipt is None or not session.receipt.same_facts(plan.receipt):
        receipt.write(site.instance.receipt, plan.receipt, site.account.readable)
    return up


def name_edits(plan: Plan) -> None:
    for change in plan.changes:
        if change.kind is Kind.EDITED:
            report.warn(Problem(f"{change.path} was edited by hand; it is left as it is"))
        elif change.kind is Kind.CONFLICT:
            report.warn(
                Problem(
                    f"{change.path} was edited by hand and has to change",
                    why="the new answers change its content",
                    hint=f"your version is kept as {change.path}{changes.EDITED_SUFFIX}; "
                    "put your own settings in the .d directory beside it",
                )
            )


def unused_directories(session: Session, site: Site, recorded: Recorded) -> list[str]:
    """Directories, relative to the instance, that are unused once the recorded files match the answers."""
    wanted = [directory.path for directory in directories(session.product, site)]
    return changes.unused_directories(session.instance, recorded, wanted)


def _remove_unused_directories(session: Session, site: Site, recorded: Recorded) -> None:
    for directory in unused_directories(session, site, recorded):
        files.remove_directory(session.instance.path(directory))


def _migration(session: Session, site: Site, plan: Plan) -> AbstractContextManager[Callable[[], None]]:
    """Loads what the migration needs, from the written configuration, while the service starts."""
    if not plan.migrates:
        return nullcontext(lambda: None)
    return session.product.migration(site, session.states)


def _write(journal: Journal, site: Site, plan: Plan) -> None:
    if not plan.writes:
        return
    with report.step("write configuration") as remark:
        with lifecycle.changing_units(plan.writes):
            for change in plan.writes:
                facts = {} if change.new is None else {"sha256": files.digest(change.new.content)}
                journal.step("write", path=change.path, kind=change.kind.value, **facts)
                changes.write(site.instance, change)
        remark(f"{len(plan.writes)} files")


def changed(session: Session, plan: Plan) -> list[str]:
    """Files that running daemons may not have loaded yet; all files after an interrupted run."""
    return [change.path for change in (plan.changes if session.unfinished else plan.writes)]


def _former_files(session: Session, plan: Plan) -> Receipt | None:
    """The receipt that lists the files to put back; None if that would be useless, or they are unknown."""
    return None if session.unfinished is not None or plan.moved or not plan.writes else session.receipt


def _room(session: Session, plan: Plan) -> AbstractContextManager[Callable[[], object]]:
    """Reserves room for a revert, in case the disk fills up."""
    if _former_files(session, plan) is None:
        return nullcontext(lambda: None)
    return held.reserving(session.instance.journal, _ROOM)


@contextmanager
def _reverting(session: Session, site: Site, plan: Plan, give_room: Callable[[], object]) -> Iterator[None]:
    """If the service does not start with the new files, puts the old ones back and starts it with them."""
    try:
        yield
    except (Failure, OSError) as failure:
        former = _former_files(session, plan)
        if former is None:
            raise
        report.note("  the service does not start with the new configuration; restoring the old one")
        try:
            give_room()
            with lifecycle.changing_units(plan.writes, undo=True):
                changes.revert(site.instance, plan.writes)
            former_site = session.following(former, given=()).site()
            _remove_unused_directories(session, former_site, plan.receipt.files)
            lifecycle.bring_up(session, former_site, renew=plan.renews, changed=changed(session, plan))
            lifecycle.enable(former_site)
        except (Failure, OSError) as second:
            raise Failure(Exit.NEEDS_PERSON, *problems_of(failure), *problems_of(second)) from second
        session.journal.abandon()
        raise Failure(Exit.ROLLED_BACK, *problems_of(failure)) from failure
