"""The commands that only print: `plan` and `show-config`."""

from __future__ import annotations

import difflib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from .. import report
from ..bundle.api import HIDDEN, Site, directories
from ..engine import apply, lifecycle, preflight
from ..engine.changes import EDITED_SUFFIX, Change, Kind
from ..engine.plan import Plan, is_idle, make_plan, needs_backup
from ..engine.session import Session
from ..errors import Failure, Problem
from ..host.accounts import describe_making
from ..host.processes import Process
from ..state import files
from ..state.move import Move
from ..state.release import find_release
from . import upgrade, upgrade_check
from .upgrade_check import find_move, target_site

_WORDS = {Kind.CREATE: "create", Kind.UPDATE: "change", Kind.CONFLICT: "change (edited by hand)", Kind.REMOVE: "remove"}


@dataclass(frozen=True)
class _Step:
    """One step of a plan; `path` is the file that it writes, or empty."""

    do: str
    path: str = ""
    diff: Sequence[str] = ()

    def lines(self) -> list[str]:
        return [f"{self.do} {self.path}".rstrip(), *(f"  {line}" for line in self.diff)]


def plan(session: Session, origin: str | None, as_json: bool) -> None:
    """Prints the steps and warnings of an install, or the steps of an upgrade from the release `origin`. Then raises
    PREFLIGHT with the problems that would stop it."""
    if origin is not None and not upgrade.is_done(session, old := find_release(origin)):
        session.settled()
        session = replace(session, former=old)
        move = find_move(session, old)
        steps = list(_upgrade_steps(session, move))
        _tell("upgrade", steps, lambda: upgrade_check.check(session, move), as_json)
        return
    site = session.candidate()
    found = session.processes()
    own = [process.pid for process in found]
    steps = list(_install_steps(session, site, found))
    if steps and not as_json and not site.account.faults:
        for problem in session.product.warn(site):
            report.warn(problem)
    _tell("install", steps, lambda: preflight.check(site, session.product, own, former=session.instance), as_json)


def _tell(command: str, steps: Sequence[_Step], check: Callable[[], None], as_json: bool) -> None:
    if not as_json:
        for line in (line for step in steps for line in step.lines()):
            report.out(line)
        if not steps:
            report.note("nothing to change")
    problems: Sequence[Problem] = ()
    try:
        check()
    except Failure as failure:
        problems = failure.problems
        report.note(f"{command} would stop at its preflight:")
        raise
    finally:
        if as_json:
            document = {
                "steps": [asdict(step) for step in steps],
                "problems": [{"what": p.what, "where": p.where, "why": p.why} for p in problems],
            }
            report.document(document)


def _upgrade_steps(session: Session, move: Move) -> Iterator[_Step]:
    if session.receipt is None:
        return
    yield _Step(f"stop {move.old.root}")
    yield _Step("back up to", session.instance.backups)
    yield _Step("upgrade a copy of the data")
    if move.renames:
        yield _Step(f"rename {move.source.root} to", move.target.root)
    yield from _install_steps(session, target_site(session, move), [])


def _install_steps(session: Session, site: Site, found: Sequence[Process]) -> Iterator[_Step]:
    """The steps that bring the instance to the site's answers; `found` are the processes that run at their start."""
    steps = make_plan(session, site)
    # Existing data is in the instance's present place.
    lacking = session.product.unmade(replace(site, instance=session.instance))
    unmade = [_Step("make", site.instance.path(name)) for name in lacking]
    if is_idle(session, site, steps):
        yield from unmade
        return
    if not site.account.exists and not site.account.faults:
        yield from map(_Step, (f"run {command}" for command in describe_making(site.account)))
    if needs_backup(session, steps):
        yield _Step("back up to", session.instance.backups)
    if steps.former_owner is not None:
        yield _Step(f"stop, and give to {site.account.name} what is in", site.instance.root)
    yield from (_Step("make", path) for path in _missing_directories(session, site))
    for change in steps.writes:
        yield _Step(_WORDS[change.kind], site.instance.path(change.path), _diff(change))
        if change.kind is Kind.CONFLICT:
            yield _Step("keep the edited one as", site.instance.path(change.path) + EDITED_SUFFIX)
    former = session.receipt.files if session.receipt else {}
    yield from (_Step("remove", site.instance.path(name)) for name in apply.unused_directories(session, site, former))
    if steps.prepares:
        yield _Step("create keys and data")
    yield from unmade
    if steps.migrates:
        yield _Step("update the data")
    yield from _service_steps(session, site, steps, found)
    yield _Step("write", site.instance.lock)
    yield _Step("write", site.instance.journal)
    if session.receipt is None or not session.receipt.same_facts(steps.receipt):
        yield _Step("write", site.instance.receipt)


def _missing_directories(session: Session, site: Site) -> list[str]:
    """Missing directories above the instance, the instance itself and those in it, outermost first."""
    missing = []
    path = session.instance.root
    while not files.is_directory(path):
        missing.append(path)
        path = os.path.dirname(path)
    wanted = (directory.path for directory in directories(session.product, site))
    return missing[::-1] + [
        site.instance.path(name) for name in wanted if not files.is_directory(session.instance.path(name))
    ]


def _service_steps(session: Session, site: Site, steps: Plan, found: Sequence[Process]) -> Iterator[_Step]:
    daemons = session.product.daemons(site)
    for name in sorted({process.daemon for process in lifecycle.superseded(found, daemons)}):
        yield _Step(f"stop {name}")
    for daemon in daemons:
        main = lifecycle.main_process(found, daemon)
        if main is None:
            yield _Step(f"start {daemon.name}")
            continue
        stale = apply.changed(session, steps)
        keeping = lifecycle.keeps(session, site, daemon, main, renew=steps.renews, changed=stale)
        if keeping is not lifecycle.as_it_is:
            yield _Step(f"{'restart' if keeping is None else 'reload'} {daemon.name}")


def _diff(change: Change) -> list[str]:
    if change.new is None:
        return []
    old = (change.old or b"").decode("utf-8", "replace").splitlines()
    new = change.new.content.decode().splitlines()
    if change.new.shown is not None:
        if not change.new.shown:
            return []
        shown = change.new.shown.decode().splitlines()
        old, new = _without_secrets(old, dict(zip(new, shown, strict=True))), shown
    return [line.rstrip("\n") for line in difflib.unified_diff(old, new, n=1, lineterm="")][2:]


def _without_secrets(lines: Sequence[str], shown: Mapping[str, str]) -> list[str]:
    """The lines of an old file with its secrets hidden. `shown` maps each new line to what may be shown of it. Of any
    other line, only a beginning that it shares with one of those is shown."""
    return [shown[line] if line in shown else _beginning(line, shown.values()) + HIDDEN for line in lines]


def _beginning(line: str, others: Iterable[str]) -> str:
    pairs = (zip(line, other, strict=False) for other in others)
    same = (itertools.takewhile(lambda pair: pair[0] == pair[1], each) for each in pairs)
    longest = max((sum(1 for _ in each) for each in same), default=0)
    return re.sub(r"\w+$", "", line[:longest])


def show_config(session: Session, as_json: bool) -> None:
    derived = _derived(session)
    rows = [
        _Row(
            name=declaration.name,
            values=[HIDDEN] if declaration.secret else list(session.answers[declaration.name].values),
            origin=session.answers[declaration.name].origin,
            derived=derived.get(declaration.name),
        )
        for declaration in session.declared.values()
    ]
    if as_json:
        report.document({"instance": session.instance.root, "answers": [asdict(row) for row in rows]})
        return
    for row in rows:
        values, origin = " ".join(row.values), row.origin
        if not values:
            values, origin = row.derived or "(not set)", "derived" if row.derived else origin
        report.out(f"{row.name:<22} {values:<34} {origin}")


@dataclass(frozen=True)
class _Row:
    name: str
    values: list[str]
    origin: str
    derived: str | None


def _derived(session: Session) -> Mapping[str, str]:
    """The derived values of answers that were not given and have no default."""
    site = session.candidate()
    account = {"user": site.account.name} if not site.account.faults else {}
    return {"instance": session.instance.root, **account, **session.product.derived(site)}
