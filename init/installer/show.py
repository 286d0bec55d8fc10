"""The commands that only tell: `plan` and `show-config`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import preflight, report, service, upgrade
from .accounts import describe_making
from .changes import Change, Kind
from .errors import Failure
from .install import make_plan
from .processes import Process
from .product import Site
from .release import Release, find_release
from .session import Session

_WORDS = {Kind.CREATE: "create", Kind.UPDATE: "change", Kind.CONFLICT: "change (edited by hand)", Kind.REMOVE: "remove"}


def plan(session: Session, origin: str | None) -> None:
    """Prints what install would do, or the upgrade of the release `origin`. Raises PREFLIGHT, after that, with what
    stands in its way."""
    if origin is not None and not upgrade.is_done(session, old := find_release(origin)):
        _plan_upgrade(session, old)
        return
    site = session.candidate()
    found = session.processes()
    _tell(session, site, found)
    with _warning("install"):
        preflight.check(site, session.product, [process.pid for process in found], former=session.instance)


def _plan_upgrade(session: Session, old: Release) -> None:
    session.settled()
    move = upgrade.find_move(session, old)
    if session.receipt is not None:
        report.out(f"stop {old.root}")
        report.out(f"back up to {session.instance.backups}")
        report.out("upgrade a copy of the data")
        if move.renames:
            report.out(f"rename {move.source.root} to {move.target.root}")
        _tell(session, upgrade.target_site(session, move), [])
    with _warning("upgrade"):
        upgrade.check(session, move)


@contextmanager
def _warning(command: str) -> Iterator[None]:
    try:
        yield
    except Failure:
        report.note(f"{command} would stop at its preflight:")
        raise


def _tell(session: Session, site: Site, found: Sequence[Process]) -> None:
    """Prints what bringing the instance to the site's answers takes; `found` is what runs when that begins."""
    steps = make_plan(session, site)
    if not site.account.exists and not site.account.faults:
        for command in describe_making(site.account):
            report.out(f"run {command}")
    if steps.former_owner is not None:
        report.out(f"stop, and give the instance's files to {site.account.name}")
    for change in steps.writes:
        report.out(f"{_WORDS[change.kind]} {site.instance.path(change.path)}")
        for line in _diff(change):
            report.out(f"  {line}")
    if steps.prepares:
        report.out("make keys, database, administrator and catalog")
    if steps.migrates:
        report.out("update the data")
    daemons = session.product.daemons(site)
    for name in sorted({process.name for process in service.superseded(found, daemons)}):
        report.out(f"stop {name}")
    for daemon in daemons:
        main = service.main_process(found, daemon)
        reloads = any(change.path in daemon.files for change in steps.writes)
        action = _action(main, moved=steps.moved, reloads=reloads)
        if action:
            report.out(f"{action} {daemon.name}")


def _action(main: Process | None, *, moved: bool, reloads: bool) -> str:
    if main is None:
        return "start"
    if moved:
        return "restart"
    return "reload" if reloads else ""


def _diff(change: Change) -> list[str]:
    if change.new is None or change.new.secret:
        return []
    old = (change.old or b"").decode("utf-8", "replace").splitlines()
    new = change.new.content.decode().splitlines()
    return [line.rstrip("\n") for line in difflib.unified_diff(old, new, n=1, lineterm="")][2:]


def show_config(session: Session, as_json: bool) -> None:
    rows = [
        {
            "name": declaration.name,
            "values": ["(hidden)"] if declaration.secret else list(session.answers[declaration.name].values),
            "origin": session.answers[declaration.name].origin,
        }
        for declaration in session.declared.values()
    ]
    if as_json:
        report.out(json.dumps({"instance": session.instance.root, "answers": rows}, ensure_ascii=False))
        return
    for row in rows:
        values = " ".join(row["values"]) or "(derived)"
        report.out(f"{row['name']:<22} {values:<34} {row['origin']}")
