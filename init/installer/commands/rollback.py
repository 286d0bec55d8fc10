"""Returns to the release before an upgrade, for the `rollback` command and for an upgrade that fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import report
from ..engine import lifecycle
from ..engine.plan import asked
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, check_all
from ..state import archive, files, former, lock, receipt
from ..state.instance import Instance
from ..state.journal import SWITCH, Journal
from ..state.move import Move, leave_word, recorded_move, rename, why_not_renamed
from ..state.release import DEFAULT_INSTANCE, LEFT, Release
from . import backup, restore

FALL_BACK = "fall back"


def rollback(session: Session) -> None:
    """Returns to the release and the data before the last upgrade, after a backup of the present data."""
    session.settled("rollback", "upgrade")
    unfinished = session.unfinished
    if unfinished is not None and unfinished.switched:
        report.note(f"  finishing {unfinished.operation} of {unfinished.began}, interrupted at: {unfinished.last_step}")
        saved = unfinished.steps.get(FALL_BACK, unfinished.steps[SWITCH])["backup"]
        _go_back(session, recorded_move(unfinished.facts), saved)
        return
    recorded = session.installed()
    if recorded.release_id != session.release.id:
        _hand_over(session, Move(Release(recorded.release_path), session.instance, session.instance))
        return
    move = _previous_move(session, recorded)
    saved = recorded.previous["backup"]
    _check(session, move, recorded, saved)
    _leave(session, move, saved)
    _go_back(session, move, saved)


def _previous_move(session: Session, recorded: receipt.Receipt) -> Move:
    previous = recorded.previous
    if not previous:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "there is no release to go back to",
                where=session.instance.root,
                why="the instance was never upgraded",
                hint=f"{session.command_line('restore', 'FILE')} restores a backup",
            ),
        )
    old = Release(previous["release"])
    was_own = previous["instance"] == old.path(DEFAULT_INSTANCE)
    is_own = session.instance.root == session.release.path(DEFAULT_INSTANCE)
    source = Instance(previous["instance"]) if was_own and is_own else session.instance
    return Move(old, source, session.instance)


def describe_previous(session: Session, recorded: receipt.Receipt) -> Mapping[str, Any] | None:
    """The release and backup from before the last upgrade, and `missing`: those that are gone. None if there was no
    upgrade."""
    previous = recorded.previous
    if not previous:
        return None
    saved = session.instance.path(previous["backup"])
    facts = {"release": previous["release"], "version": previous["version"], "backup": saved}
    return {**facts, "missing": [path for path in (previous["release"], saved) if not files.exists(path)]}


def tell_previous(previous: Mapping[str, Any]) -> str:
    """Formats the result of `describe_previous` as one line."""
    missing = " and ".join(previous["missing"])
    way = f"rollback is not possible, {missing} is gone" if missing else f"rollback brings back {previous['backup']}"
    return f"{previous['version']} in {previous['release']}; {way}"


def _check(session: Session, move: Move, recorded: receipt.Receipt, saved: str) -> None:
    """Raises with all problems before anything is changed."""
    check_all(
        lambda: _check_release(move, recorded),
        lambda: _check_place(move),
        lambda: _check_backup(session, session.instance.path(saved), recorded),
    )


def _check_release(move: Move, recorded: receipt.Receipt) -> None:
    former.check(move.old, recorded.bundle, move.source)
    former.check_left(move.current)
    if move.old.id != recorded.previous["id"]:
        why = "its files are not those that the upgrade came from"
        raise Failure(Exit.PREFLIGHT, Problem("that is another release", where=move.old.root, why=why))


def _check_place(move: Move) -> None:
    if not move.renames:
        return
    if files.is_taken(move.source.root):
        hint = "move it away; the instance returns to that place"
        problem = Problem("the instance's former place is taken", where=move.source.root, hint=hint)
        raise Failure(Exit.PREFLIGHT, problem)
    why = why_not_renamed(move.target, move.source)
    if why:
        what = "the instance cannot return to its former place"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=move.source.root, why=why, hint="remove the cause"))


def _check_backup(session: Session, path: str, recorded: receipt.Receipt) -> None:
    saved = archive.read(path)
    if saved.facts["release"]["id"] != recorded.previous["id"]:
        raise Failure(Exit.PREFLIGHT, Problem("the backup is not of that release", where=path))
    before = session.following(receipt.parse(saved.receipt, path), given=()).site()
    way = session.product.transfer(session.site(), before)
    if way is not None and not way.is_done:
        problem = Problem(
            "the data was migrated to another database since the upgrade",
            where=path,
            why="the backup from before can only be restored to the former one",
            hint=f"migrate it back first: {session.command_line('migrate-database', '--to', 'FORMER')}",
        )
        raise Failure(Exit.PREFLIGHT, problem)


def _leave(session: Session, move: Move, saved: str) -> None:
    """Stops the present release and backs up its state. On failure, starts it again."""
    site = session.site()
    journal = session.journal
    with session.exclusive():
        resume = session.command_line("rollback")
        journal.begin("rollback", asked(session), resume=resume, **move.facts)
        try:
            journal.step("stop")
            lifecycle.take_down(session, site)
            present = backup.take(session, site, "rollback")
            if move.renames:
                leave_word(session.release, move.source)
            journal.step(SWITCH, backup=saved)
        except Exception as error:
            report.note("  the rollback failed before it changed anything; this release keeps serving")
            kept = Problem("not rolled back; this release keeps serving", where=session.release.root)
            lifecycle.serve_on(session, site, error, "this release", kept)
    report.note(f"  data written since the upgrade is in {present}, below {move.source.root}")


def _go_back(session: Session, move: Move, saved: str) -> None:
    put_back(session, move, saved)
    _hand_over(session, move)


def _hand_over(session: Session, move: Move) -> None:
    """Runs the old release's `install` on its instance, which starts and proves the service."""
    report.note(f"  {move.old.root} serves again:")
    try:
        former.run(move.old, "install", move.source)
    except Failure as failure:
        hint = f"remove the cause and run {move.old_install}; nothing serves until then"
        problem = Problem("the data is restored, but the former release does not start", where=move.old.root, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, *failure.problems, problem) from failure
    files.remove(session.release.path(LEFT))


def put_back(session: Session, move: Move, saved: str) -> None:
    """Restores the data, keys, configuration and path that the instance had with the old release; leaves it stopped.

    Idempotent, also after an interruption.
    """
    session = replace(session.at(move.current), former=move.old)
    with lock.exclusive(session.instance.lock, patience=lock.PATIENCE):
        session.journal.step(FALL_BACK, backup=saved)
        site = session.site()
        # Units name the instance's path; the old release writes its own again.
        lifecycle.withdraw(session, site)
        before = archive.read(session.instance.path(saved))
        restore.stage(session, site, before)
        restore.exchange(session, site, before)
        drop_copies(session)
        if move.renames and session.instance.root == move.target.root:
            rename(move.target, move.source)
            files.remove(move.old.path(LEFT))
        Journal(move.source.journal).end()


def drop_copies(session: Session) -> None:
    """Removes copies of data that an upgrade left, whatever the service's account did to them."""
    for store in session.stores():
        store.discard()
