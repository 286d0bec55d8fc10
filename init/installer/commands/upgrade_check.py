"""Where an upgrade moves an instance, and everything that prevents the upgrade."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace

from .. import report
from ..bundle.api import Site
from ..engine import preflight
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, check_all
from ..state import files, former
from ..state.instance import Instance
from ..state.move import Move, why_not_renamed
from ..state.release import DEFAULT_INSTANCE, Release, compare_versions
from . import backup, install


def find_move(session: Session, old: Release) -> Move:
    """The instance's present and future place: each release's default, unless --instance was given."""
    if session.answers["instance"].given:
        return Move(old, session.instance, session.instance)
    return Move(old, Instance(old.path(DEFAULT_INSTANCE)), Instance(session.release.path(DEFAULT_INSTANCE)))


def target_site(session: Session, move: Move) -> Site:
    """The site after the upgrade. Raises PREFLIGHT if the service's account cannot be used."""
    site = session.site()
    return replace(site, instance=move.target, source=move.source)


def check(session: Session, move: Move) -> None:
    """Raises with all problems before anything is changed."""
    former.check(move.old, session.release.bundle["name"], move.source)
    check_all(
        lambda: _check_jump(session, move.old),
        lambda: _check_instance(session, move),
        lambda: _check_place(move),
        lambda: preflight.check_space(move.source.root, _space_needed(session)),
        lambda: install.preflight_all(session, target_site(session, move)),
    )
    _review(session)


def _review(session: Session) -> None:
    """Warns of the operator's settings that this release treats differently; raises PREFLIGHT for those that prevent
    its start."""
    recorded = session.installed().files
    now = {path: files.read(session.instance.path(path)) for path in recorded if not os.path.isabs(path)}
    edited = [path for path, old in now.items() if old is not None and files.digest(old) != recorded[path]["sha256"]]
    remarks = session.product.review(session.site(), edited)
    for remark in remarks:
        if not remark.stops:
            report.warn(remark.problem)
    stopping = [remark.problem for remark in remarks if remark.stops]
    if stopping:
        raise Failure(Exit.PREFLIGHT, *stopping)


def _space_needed(session: Session) -> int:
    """Bytes that the backup takes, and the copies of the data while they are upgraded."""
    return (
        backup.space_needed(session, whole=False) + 2 * sum(store.size().copy for store in session.stores()) + (1 << 20)
    )


def _check_jump(session: Session, old: Release) -> None:
    new = session.release.bundle
    lowest = new.get("upgradeFrom", new["version"])
    version = old.bundle["version"]
    problem = None
    if old.id == session.release.id:
        problem = Problem("that is this release itself", where=old.root, hint="name the release that serves now")
    elif compare_versions(version, new["version"]) > 0:
        problem = Problem(
            f"{version} is newer than this release, {new['version']}",
            where=old.root,
            why="data cannot go back to an older version",
            hint="rollback goes back to the release before the last upgrade, with its data",
        )
    elif compare_versions(version, lowest) < 0:
        problem = Problem(
            f"{version} cannot be upgraded to {new['version']} directly",
            where=old.root,
            why=f"{lowest} is the earliest version that can",
            hint=f"upgrade to a release of {lowest} first, then to this one",
        )
    if problem is not None:
        raise Failure(Exit.PREFLIGHT, problem)


def _check_instance(session: Session, move: Move) -> None:
    if session.instance.root != move.source.root:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "this release already has an instance",
                where=session.instance.root,
                hint="uninstall it or move it away; the former release's instance takes its place",
            ),
        )
    recorded = session.installed()
    unfinished = session.unfinished
    if unfinished is not None and unfinished.operation != "upgrade":
        what = f"{unfinished.operation} of {unfinished.began} was interrupted"
        hint = f"finish it first: {move.old_install}"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=move.source.root, hint=hint))
    if (recorded.release_id, recorded.release_path) != (move.old.id, move.old.root):
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "the instance is not that release's",
                where=move.source.root,
                why=f"it was installed by {recorded.release_path}",
                hint=f"name that release with --from; or, if it was moved, run {move.old_install} first",
            ),
        )


def _check_place(move: Move) -> None:
    """Whether the instance can be renamed to its new place."""
    if not move.renames or not move.source.exists:
        return
    why = why_not_renamed(move.source, move.target)
    if why:
        what = "the instance cannot be moved to this release"
        keep = f"keep it where it is: --instance {shlex.quote(os.path.realpath(move.source.root))}"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=move.source.root, why=why, hint=keep))
