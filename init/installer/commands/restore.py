"""The `restore` command, and the exchange of an instance's data that it shares with `rollback`."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from .. import report
from ..answers.answers import INTERRUPTED, Source
from ..bundle.api import Site, directories, make_directories
from ..bundle.store import DATA, names_of
from ..engine import lifecycle, preflight
from ..engine.apply import apply
from ..engine.plan import asked, make_plan, remembered, transient
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, problems_of
from ..kit import secret_file
from ..state import archive, files, receipt, trees
from ..state.archive import Archive
from ..state.files import Owner
from ..state.journal import SWITCH
from ..state.receipt import Receipt
from ..state.release import compare_versions
from . import backup, install

_STAGING = "restoring"


def restore(session: Session, file: str) -> None:
    """Restores the backup for this release, path and host."""
    session.settled("restore")
    saved = archive.read(os.path.abspath(file))
    recorded = receipt.parse(saved.receipt, saved.path)
    _check_origin(session, saved, recorded)
    previous = session.receipt.previous if session.receipt else {}
    found = session
    if session.receipt is None:
        session = _taking_over(session, saved, recorded)

    def find_secret(path: str) -> bytes | None:
        return archive.content(saved, os.path.relpath(path, session.instance.root), secret_file.LARGEST)

    with secret_file.replacing(find_secret):
        site = install.ready_site(session)
        with found.exclusive():
            with report.step("preflight"):
                install.preflight_all(session, site)
                _check_shared(session)
                _check_data(session, saved)
                preflight.check_space(session.instance.root, saved.size + backup.space_needed(session))
            _restore(session, site, saved, recorded, previous)
    install.summarize(session, site)


def _check_origin(session: Session, saved: Archive, recorded: Receipt) -> None:
    bundle = session.release.bundle
    problem = None
    if recorded.bundle != bundle["name"]:
        problem = Problem(
            f"the backup is of {recorded.bundle}, not of {bundle['name']}",
            hint="use a release of that bundle",
        )
    else:
        order = compare_versions(recorded.version, bundle["version"])
        if order > 0:
            problem = Problem(
                f"the backup is of version {recorded.version}, which is newer than this release",
                why="data cannot go back to an older version",
                hint=f"use a release of {recorded.version}",
            )
        elif order < 0:
            problem = Problem(
                f"the backup is of version {recorded.version}, which is older than this release",
                hint=f"restore it with a release of {recorded.version}, "
                f"then run {session.command_line('upgrade', '--from', 'THAT-RELEASE')}",
            )
    if problem is not None:
        raise Failure(Exit.PREFLIGHT, replace(problem, where=saved.path))


def _check_shared(session: Session) -> None:
    """Raises PREFLIGHT if other instances use the data, too: they would serve from it meanwhile."""
    if any(store.shared for store in session.stores()):
        hint = "uninstall the others, and forget them with keys forget; restore here; then let them join again"
        problem = Problem("other nodes use the data of this one", where=session.instance.root, hint=hint)
        raise Failure(Exit.PREFLIGHT, problem)


def _check_data(session: Session, saved: Archive) -> None:
    """Raises PREFLIGHT for data that no store of the instance accepts."""
    secrets = tuple(f"{path}/" for path in session.product.SECRETS)
    names = {name for name in saved.entries if name.startswith(f"{DATA}/") and not f"{name}/".startswith(secrets)}
    for store in session.stores():
        names.difference_update(names_of(store, names))
    if names:
        problem = Problem(
            "the backup is of another database than the instance uses",
            where=saved.path,
            why="a database can only be restored from its own backup",
            details=sorted(names),
            hint=f"migrate the data there first: {session.command_line('migrate-database', '--to', 'FORMER')}; "
            "if there is no instance, take the answers from the backup",
        )
        raise Failure(Exit.PREFLIGHT, problem)


def _taking_over(session: Session, saved: Archive, recorded: Receipt) -> Session:
    """The session with the backup's answers, overridden by those of this run or an interrupted one. Raises PREFLIGHT
    for answers about the host: the backup's author could name another user's key or an account in them."""
    told = {name: texts for name, texts in recorded.answers.items() if name not in transient(session)}
    given = [*session.given]
    if session.unfinished is not None:
        given.append(Source(INTERRUPTED, session.unfinished.answers))
    known = {name for source in given for name in source.texts}
    paths = {name for name, declaration in session.declared.items() if declaration.type == "path"}
    unknown = sorted((set(told) & {*paths, "user"}) - known)
    if unknown:
        words = [word for name in unknown for text in told[name] for word in (f"--{name}", text)]
        problem = Problem(
            "the backup names files or an account of the host that it was made on",
            where=saved.path,
            why=f"its author could name any file or account, and root would use it: {shlex.join(words)}",
            hint="give the ones that you want with this command: --NAME VALUE, or --NAME= for none",
        )
        raise Failure(Exit.PREFLIGHT, problem)
    return session.following(replace(recorded, answers=told, account={}), given=given)


def _believed(session: Session, recorded: Receipt, previous: Mapping[str, str]) -> Receipt:
    """The backup's receipt as it may be written to the instance: without facts about the host, which its author may
    have forged."""
    return replace(recorded, answers=remembered(session), account={}, previous=previous, unknown={})


def _restore(session: Session, site: Site, saved: Archive, recorded: Receipt, previous: Mapping[str, str]) -> None:
    start = time.monotonic()
    journal, unfinished = session.journal, session.unfinished
    if unfinished is not None and unfinished.switched:
        report.note(f"  finishing restore of {unfinished.began}, interrupted at: {unfinished.last_step}")
        present = unfinished.steps[SWITCH]["backup"]
        # The receipt may be gone already.
        previous = unfinished.facts.get("previous", {})
    else:
        resume = session.command_line("restore", saved.path)
        journal.begin("restore", asked(session), resume=resume, previous=dict(previous))
        present = ""
        if session.receipt is not None and session.product.is_prepared(site):
            present = backup.take(session, site, "restore", whole=True)
    journal.step("unpack", file=saved.path)
    stage(session, site, saved)
    believed = _believed(session, recorded, previous)
    receipt.write(session.instance.path(_STAGING, archive.RECEIPT), believed, site.account.readable)
    journal.step(SWITCH, backup=present)
    try:
        stopped = time.monotonic()
        lifecycle.take_down(session, site)
        exchange(session, site, saved)
        up = _bring_up(session, site, believed, previous=previous)
    except Exception as error:
        _undo(session, site, present, error)
    journal.end()
    report.note(f"  without service for {up - stopped:.1f} s; done in {time.monotonic() - start:.1f} s")
    if present:
        report.note(f"  the former state is in {session.instance.path(present)}")


def _bring_up(session: Session, site: Site, recorded: Receipt, *, previous: Mapping[str, str] | None = None) -> float:
    """Installs over the restored files; returns the monotonic time at which the service answered."""
    session = session.at(session.instance)
    # The files have their owners already, whatever account the backup was made with.
    session = replace(session, receipt=replace(recorded, account={}))
    return apply(session, site, make_plan(session, site, previous=previous))


def _undo(session: Session, site: Site, present: str, error: Exception) -> NoReturn:
    """Restores the former state. Always raises."""
    problems = problems_of(error)
    if not present:
        hint = f"remove the cause and run {session.command_line('restore', 'FILE')} again; nothing serves until then"
        raise Failure(Exit.NEEDS_PERSON, *problems, Problem("the backup is not restored", hint=hint)) from error
    path = session.instance.path(present)
    report.note("  the service does not start with the backup; restoring the former state")
    try:
        lifecycle.take_down(session, site)
        before = archive.read(path)
        stage(session, site, before)
        exchange(session, site, before)
        recorded = receipt.parse(before.receipt, path)
        earlier = session.following(recorded, given=())
        _bring_up(earlier, replace(site, answers=earlier.answers), recorded)
        session.journal.abandon()
    except Exception as second:
        problem = Problem(
            "the former state could not be restored: nothing serves",
            where=path,
            hint=f"remove the cause and run {session.command_line('restore', path)}",
        )
        raise Failure(Exit.NEEDS_PERSON, *problems, *problems_of(second), problem) from error
    serves = Problem("the backup was not restored; the former state serves again", where=session.instance.root)
    raise Failure(Exit.ROLLED_BACK, *problems, serves) from error


def stage(session: Session, site: Site, saved: Archive) -> None:
    """Unpacks the backup beside the files that it will replace, so that a full disk is noticed before any of them
    changes."""
    staging = session.instance.path(_STAGING)
    trees.remove(staging)
    files.ensure_directory(staging, 0o700)
    owners = {file.path: file.owner for file in session.product.rendered_files(site)}
    owners[archive.RECEIPT] = site.account.readable
    make_directories(session.product, site)
    rights = {entry.path: (entry.mode, entry.owner) for entry in directories(session.product, site)}

    def owner_of(path: str) -> Owner | None:
        return owners[path] if path in owners else _nearest(rights, path)[1]

    with report.step("unpack"):
        archive.extract(saved, staging, owner_of)
        for path in saved.entries:
            _make_parents(session, rights, path)


def exchange(session: Session, site: Site, saved: Archive) -> None:
    """Moves the staged files into place, the receipt last, and removes files that the backup lacks.

    Idempotent after another `stage`. The service must be down.
    """
    instance = session.instance
    staging = instance.path(_STAGING)
    left = set(saved.entries)
    for store in session.stores():
        own = names_of(store, left)
        left.difference_update(own)
        if store.paths[0] in saved.without:
            report.note(f"  {instance.path(store.paths[0])} stays as it is, the backup is without it")
        else:
            store.load(staging, own)
    for path in sorted(left, key=lambda path: (path == archive.RECEIPT, path)):
        files.move(os.path.join(staging, path), instance.path(path))
        files.sync_directory(os.path.dirname(instance.path(path)))
    rendered = {file.path for file in session.product.rendered_files(site)}
    rendered.update(session.receipt.files if session.receipt else ())
    for path in list(backup.plain_files(session, rendered)):
        if os.path.relpath(path, instance.root) not in saved.entries:
            files.remove(path)
    trees.remove(staging)


_Rights = tuple[int, Owner | None]


def _nearest(known: dict[str, _Rights], path: str) -> _Rights:
    """Mode and owner of the closest directory above `path` that the bundle knows."""
    while path:
        path = os.path.dirname(path)
        if path in known:
            return known[path]
    return 0o700, None


def _make_parents(session: Session, known: dict[str, _Rights], path: str) -> None:
    """Makes the missing directories above an operator's file."""
    parent = os.path.dirname(path)
    if parent and parent not in known and not files.is_directory(session.instance.path(parent)):
        _make_parents(session, known, parent)
        files.ensure_directory(session.instance.path(parent), *_nearest(known, parent))
