"""The `upgrade` command: takes over the instance of another release, which serves again if anything fails.

First the upgrade of the data is rehearsed on a copy. Then the service is stopped and backed up, and fresh copies of its
data are upgraded if needed. Until then the instance itself is unchanged. Then the switch: the instance moves to this
release and is installed like any moved instance. This release's code does all of that; the old release runs only to
serve again after a failure.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import NoReturn

from .. import report
from ..bundle.api import Site
from ..engine import lifecycle
from ..engine.apply import apply
from ..engine.plan import asked, make_plan
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, problems_of
from ..state import former, lock
from ..state.journal import SWITCH
from ..state.move import Move, leave_word, recorded_move, rename
from ..state.release import Release, find_release
from . import backup, install
from .rollback import FALL_BACK, drop_copies, put_back
from .upgrade_check import check, find_move, target_site


def upgrade(session: Session, origin: str) -> None:
    """Runs the upgrade or the rest of an interrupted one; if it is done already, only proves the service."""
    old = find_release(origin)
    session = replace(session, former=old)
    unfinished = session.unfinished
    if unfinished is not None and unfinished.switched and unfinished.operation == "upgrade":
        move = recorded_move(unfinished.facts)
        if move.old.root != old.root:
            session.settled()
        report.note(f"  finishing upgrade of {unfinished.began}, interrupted at: {unfinished.last_step}")
        saved = unfinished.steps[SWITCH]["backup"]
        if FALL_BACK in unfinished.steps:
            _fall_back(session, move, saved, None)
        _switch(session, move, saved)
        return
    session.settled()
    if is_done(session, old):
        install.install(session)
        return
    move = find_move(session, old)
    with report.step("preflight"):
        check(session, move)
    _upgrade(session, move)


def is_done(session: Session, old: Release) -> bool:
    """Whether the instance was already upgraded from `old` to this release."""
    recorded = session.receipt
    return (
        recorded is not None
        and recorded.release_id == session.release.id
        and recorded.previous.get("release") == old.root
    )


def _upgrade(session: Session, move: Move) -> None:
    site = session.site()
    install.warn_all(session, site, target=target_site(session, move))
    journal = session.journal
    with ExitStack() as held:
        held.enter_context(session.exclusive())
        if site.account.switch:
            lock.keep_to_root(session.instance.lock)
        resume = session.command_line("upgrade", "--from", move.old.root)
        journal.begin("upgrade", asked(session), resume=resume, **move.facts)
        try:
            migrates = _rehearse(session, site)
            journal.step("stop")
            stopped = time.monotonic()
            lifecycle.take_down(session, site)
            saved = backup.take(session, site, "upgrade")
            if migrates:
                journal.step("upgrade the data")
                with report.step("upgrade the data"):
                    _upgrade_copies(session, site)
            journal.step(SWITCH, backup=saved)
        except Exception as error:
            held.close()
            _serve_on(session, move, error)
    _switch(session, move, saved, stopped)


def _rehearse(session: Session, site: Site) -> bool:
    """Upgrades a copy of the data while the former release serves, so that a failure causes no downtime.

    Returns whether the data changed; if not, the upgrade skips that step while the service is down.
    """
    session.journal.step("rehearse")
    drop_copies(session)
    with report.step("rehearse") as remark:
        migrates = _upgrade_copies(session, site)
        remark("the data must be upgraded" if migrates else "the data can stay as it is")
    drop_copies(session)
    return migrates


def _upgrade_copies(session: Session, site: Site) -> bool:
    """Makes upgraded copies of the data. Returns whether there are any; discards unchanged ones, unless this release
    needs them."""
    stores = session.product.kept(site)
    for store in stores:
        store.copy()
    before = [store.fingerprint() for store in stores]
    session.product.upgrade_data(site)
    pairs = zip(stores, before, strict=True)
    same = [store for store, was in pairs if not store.outdated and store.fingerprint() == was]
    for store in same:
        store.discard()
    return len(same) < len(stores)


def _serve_on(session: Session, move: Move, error: Exception) -> NoReturn:
    """Starts the old release again if it was stopped; nothing else was changed yet. Always raises."""
    problems = problems_of(error)
    report.note("  the upgrade failed before it changed anything; the former release keeps serving")
    drop_copies(session)
    session.journal.abandon()
    readable = session.site().account.readable
    if readable is not None:
        lock.lend(move.source.lock, readable)
    try:
        former.run(move.old, "start", move.source)
    except Failure as second:
        hint = f"remove the cause and run {move.old_install}; nothing serves until then"
        problem = Problem("the former release does not start", where=move.old.root, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, *problems, *second.problems, problem) from error
    raise Failure(Exit.ROLLED_BACK, *problems, _serves(move)) from error


def _serves(move: Move) -> Problem:
    why = "nothing was lost"
    return Problem("not upgraded: the former release serves again", where=move.old.root, why=why)


def _switch(session: Session, move: Move, saved: str, stopped: float | None = None) -> None:
    """Moves the instance to this release; `stopped` is the monotonic time of the stop, if known."""
    try:
        if move.current.root != move.target.root:
            rename(move.source, move.target)
        session = session.at(move.target)
        with lock.exclusive(session.instance.lock, patience=lock.PATIENCE):
            up = _serve(session, move, saved)
    except Exception as error:
        _fall_back(session, move, saved, error)
    if move.renames:
        # Lets the former release tell where its instance went, unless it is read-only.
        with suppress(OSError):
            leave_word(move.old, move.target)
    if stopped is not None:
        report.note(f"  without service for {up - stopped:.1f} s")
    report.note(f"  back to {move.old.root}: {session.command_line('rollback')}")
    install.summarize(session, session.site())


def _serve(session: Session, move: Move, saved: str) -> float:
    for store in session.stores():
        store.adopt()
    old = {"release": move.old.root, "id": move.old.id, "version": move.old.bundle["version"]}
    site = session.site()
    plan = make_plan(session, site, previous={**old, "instance": move.source.root, "backup": saved})
    up = apply(session, site, plan)
    session.journal.end()
    return up


def _fall_back(session: Session, move: Move, saved: str, error: Exception | None) -> NoReturn:
    """Returns the instance to the old release, with its former data. Always raises."""
    problems = problems_of(error) if error else [Problem("the upgrade had failed and was undone")]
    report.note("  the upgrade failed; the former release gets its data and its instance back")
    try:
        put_back(session, move, saved)
        former.run(move.old, "install", move.source)
    except Exception as second:
        again = session.command_line("upgrade", "--from", move.old.root)
        where = move.current.root
        hint = f"remove the cause and run {again if move.renames and where == move.target.root else move.old_install}"
        problem = Problem("the former release does not serve either: nothing serves", where=where, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, *problems, *problems_of(second), problem) from error
    raise Failure(Exit.ROLLED_BACK, *problems, _serves(move)) from error
