"""Brings an instance to its answers, whatever state it was in: the `install` command, and the last part of all others
that change an instance.

First run, other answers, a moved directory, another release, data from a backup and a run that was cut off are the
same: render, compare, journal, apply, prove. Every step may be done again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from . import advice, answers, backup, changes, clock, files, host, preflight, receipt, report, service, space, units
from .account import Account
from .accounts import make_account
from .changes import Change, Kind, Recorded
from .errors import Exit, Failure, Problem, problems_of
from .files import Owner
from .journal import Journal
from .product import Site, make_directories
from .receipt import Receipt
from .release import compare_versions
from .session import Session

#: Bytes kept for going back: the former files, and what daemons write when they start.
_ROOM = 2 << 20


@dataclass(frozen=True)
class Plan:
    """What an install will do."""

    changes: Sequence[Change]
    prepares: bool
    migrates: bool
    #: Daemons must be started anew: release or instance lie elsewhere than when they were started.
    moved: bool
    #: The account that the instance's files are to be taken from; None unless the service gets another one.
    former_owner: Owner | None
    receipt: Receipt

    def replaces_release(self, former: Receipt) -> bool:
        return former.release_id != self.receipt.release_id

    @property
    def writes(self) -> list[Change]:
        return [change for change in self.changes if change.writes]

    @property
    def renews(self) -> bool:
        """Whether daemons must be started anew: they, or the units that they run in, are other ones."""
        return self.moved or any(change.is_outside for change in self.writes)


def make_plan(session: Session, site: Site, *, previous: Mapping[str, str] | None = None) -> Plan:
    """Compares what lies in the session's instance with what belongs into the site's; writes nothing.

    They differ where the instance is about to be moved. `previous` is what the receipt will say of the release before.
    """
    former = session.receipt
    wanted = [*session.product.rendered_files(site), *service.rendered_files(site, session.product)]
    recorded = units.recorded_files(session.instance, former)
    compared = changes.compare(session.instance, wanted, recorded, written=session.written)
    state = session.product.state(site)
    prepares = not session.product.is_prepared(replace(site, instance=session.instance))
    return Plan(
        changes=compared,
        prepares=prepares,
        # Data without a receipt is of an install that was cut off, maybe with other answers.
        migrates=not prepares and (former is None or any(dict(known) != dict(state) for known in session.states)),
        moved=former is not None
        and (former.release_path, former.instance_path, former.release_id)
        != (site.release.root, site.instance.root, site.release.id),
        former_owner=_former_owner(former, site),
        receipt=Receipt(
            bundle=site.release.bundle["name"],
            version=site.release.bundle["version"],
            release_id=site.release.id,
            release_path=site.release.root,
            instance_path=site.instance.root,
            answers=remembered(session),
            files=changes.record(compared),
            state=state,
            account=_describe_account(site.account),
            installed=former.installed if former else "",
            previous=previous if previous is not None else former.previous if former else {},
            unknown=former.unknown if former else {},
        ),
    )


def _describe_account(account: Account) -> Mapping[str, Any]:
    ids = {"name": account.name, "uid": account.uid, "gid": account.gid}
    return {**ids, "made": True} if account.made else ids


def _former_owner(former: Receipt | None, site: Site) -> Owner | None:
    if former is None or not former.account or not site.account.switch:
        return None
    owner = Owner(former.account["uid"], former.account["gid"])
    return None if owner == site.account.owner else owner


def remembered(session: Session) -> dict[str, list[str]]:
    """The answers that the next run will know."""
    return answers.given(session.answers, _transient(session))


def asked(session: Session) -> dict[str, list[str]]:
    """The answers that the next run will know if this one is cut off."""
    return answers.asked(session.answers, _transient(session))


def _transient(session: Session) -> set[str]:
    return {"instance", "create-user", *session.product.TRANSIENT}


def install(session: Session) -> None:
    start = time.monotonic()
    session.settled()
    site = ready_site(session)
    with session.exclusive():
        _install(session, site)
    summarize(session, site)
    report.note(f"done in {time.monotonic() - start:.1f} s")


def ready_site(session: Session) -> Site:
    """The site, with the instance's directory and the service's account made where they are missing.

    Raises PREFLIGHT, before anything is made, with everything that stands in the way.
    """
    site = session.candidate()
    if not session.instance.exists or not site.account.exists:
        preflight_all(session, site)
        site = _make_account(session, site)
        _make_root(site)
    return site


def summarize(session: Session, site: Site) -> None:
    for line in session.product.summary(site):
        report.out(line)


def preflight_all(session: Session, site: Site) -> None:
    """Raises PREFLIGHT with everything that stands in the way of serving from the site."""
    own = [process.pid for process in session.processes()]
    preflight.check(site, session.product, own, former=session.instance)


def _make_account(session: Session, site: Site) -> Site:
    """The site with an account that exists."""
    if site.account.exists:
        return site
    with report.step("make the account") as remark:
        make_account(site.account)
        remark(site.account.name)
    return session.site()


def _make_root(site: Site) -> None:
    # An operator may have made a link to where it shall lie.
    root = os.path.realpath(site.instance.root)
    os.makedirs(os.path.dirname(root), mode=0o755, exist_ok=True)
    files.ensure_directory(root, 0o750, site.account.readable)


def _check_version(session: Session) -> None:
    """An instance of another version is not this command's business: its data has to be changed, or cannot be."""
    recorded, bundle = session.receipt, session.release.bundle
    if recorded is None or (recorded.bundle, recorded.version) == (bundle["name"], bundle["version"]):
        return
    newer = compare_versions(recorded.version, bundle["version"]) > 0
    old = recorded.release_path
    if recorded.bundle != bundle["name"] or newer:
        hint = f"use {os.path.join(old, 'init', 'bootstrap.sh')}"
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


def _install(session: Session, site: Site) -> None:
    with report.step("preflight"):
        _check_version(session)
        preflight_all(session, site)
    past = clock.check_past(session.receipt, session.instance.receipt) if session.receipt else ()
    for problem in (*clock.warn(), *past, *host.warn(), *session.product.warn(site), *advice.warn(site)):
        report.warn(problem)
    plan = make_plan(session, site)
    unfinished = session.unfinished
    if unfinished is not None:
        report.note(f"  finishing {unfinished.operation} of {unfinished.began}, cut off at: {unfinished.last_step}")
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


def needs_backup(session: Session, plan: Plan) -> bool:
    """Whether there is data that is about to be changed."""
    former = session.receipt
    return former is not None and not plan.prepares and (plan.migrates or plan.replaces_release(former))


def is_idle(session: Session, site: Site, plan: Plan) -> bool:
    """Whether there is nothing to do but to prove that the service works."""
    former = session.receipt
    return (
        former is not None
        and session.unfinished is None
        and not plan.writes
        and not plan.prepares
        and former.same_facts(plan.receipt)
        and service.is_complete(session, site)
    )


def name_edits(plan: Plan) -> None:
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


def apply(session: Session, site: Site, plan: Plan) -> float:
    """Carries the plan out. The journal is begun already. Returns the moment, on the monotonic clock, from which the
    service answered."""
    try:
        return _apply(session, site, plan)
    except Failure as failure:
        # Daemons that fail on a full disk tell that they failed at most.
        full = space.check(space.volumes(site.instance))
        raise Failure(failure.exit_code, *failure.problems, *full) from failure


def _apply(session: Session, site: Site, plan: Plan) -> float:
    name_edits(plan)
    product, journal = session.product, session.journal
    if plan.former_owner is not None and site.account.owner is not None:
        journal.step("hand over", account=site.account.name)
        service.take_down(session, site)
        files.hand_over(site.instance.root, plan.former_owner, site.account.owner)
    files.give(site.instance.lock, site.account.readable, 0o640)
    make_directories(product, site)
    with ExitStack() as loaded:
        with _room(session, plan) as give_room:
            _write(journal, site, plan)
            migrate = loaded.enter_context(_migration(session, site, plan))
            if plan.prepares:
                with report.step("make keys and database"):
                    journal.step("prepare")
                    product.prepare(site, journal)
            with _reverting(session, site, plan, give_room), report.step("start") as remark:
                journal.step("check configuration")
                product.check_configuration(site)
                journal.step("start")
                remark(service.bring_up(session, site, renew=plan.renews, changed=_changed(session, plan)))
                service.enable(site)
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


def unused_directories(session: Session, site: Site, recorded: Recorded) -> list[str]:
    """Directories, relative to the instance, that are of no use any more once the recorded files are as answers ask."""
    wanted = [directory.path for directory in session.product.directories(site)]
    return changes.unused_directories(session.instance, recorded, wanted)


def _remove_unused_directories(session: Session, site: Site, recorded: Recorded) -> None:
    for directory in unused_directories(session, site, recorded):
        os.rmdir(session.instance.path(directory))


def _migration(session: Session, site: Site, plan: Plan) -> AbstractContextManager[Callable[[], None]]:
    """What it needs is loaded, from the configuration that was written, while the service starts."""
    if not plan.migrates:
        return nullcontext(lambda: None)
    return session.product.migration(site, session.states)


def _write(journal: Journal, site: Site, plan: Plan) -> None:
    if not plan.writes:
        return
    with report.step("write configuration") as remark:
        with service.changing_units(plan.writes):
            for change in plan.writes:
                facts = {} if change.new is None else {"sha256": files.digest(change.new.content)}
                journal.step("write", path=change.path, kind=change.kind.value, **facts)
                changes.write(site.instance, change)
        remark(f"{len(plan.writes)} files")


def _changed(session: Session, plan: Plan) -> list[str]:
    """Files that running daemons may not have taken yet; all of them after a run that was cut off."""
    return [change.path for change in (plan.changes if session.unfinished else plan.writes)]


def _former_files(session: Session, plan: Plan) -> Receipt | None:
    """What the receipt says of the files that can be put back; None where they are no use, or unknown."""
    return None if session.unfinished is not None or plan.moved or not plan.writes else session.receipt


def _room(session: Session, plan: Plan) -> AbstractContextManager[Callable[[], object]]:
    """On a disk that fills up meanwhile there must be room to go back."""
    if _former_files(session, plan) is None:
        return nullcontext(lambda: None)
    return files.reserving(session.instance.journal, _ROOM)


@contextmanager
def _reverting(session: Session, site: Site, plan: Plan, give_room: Callable[[], object]) -> Iterator[None]:
    """If the service does not come up with new files, the old ones are put back and serve again."""
    try:
        yield
    except (Failure, OSError) as failure:
        former = _former_files(session, plan)
        if former is None:
            raise
        report.note("  the service does not come up with the new configuration; the old one is put back")
        try:
            give_room()
            with service.changing_units(plan.writes, undo=True):
                changes.revert(site.instance, plan.writes)
            former_site = session.following(former, given=()).site()
            _remove_unused_directories(session, former_site, plan.receipt.files)
            service.bring_up(session, former_site, renew=plan.renews, changed=_changed(session, plan))
            service.enable(former_site)
        except (Failure, OSError) as second:
            raise Failure(Exit.NEEDS_PERSON, *problems_of(failure), *problems_of(second)) from second
        session.journal.end()
        raise Failure(Exit.ROLLED_BACK, *problems_of(failure)) from failure
