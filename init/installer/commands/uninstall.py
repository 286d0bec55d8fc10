"""The `uninstall` command: removes the service but keeps its data, or with `--purge` removes everything."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .. import report
from ..bundle.api import Site, directories
from ..engine import lifecycle
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..host.accounts import describe_removing, remove_account
from ..manager import boot_time
from ..state import files, receipt, trees
from ..state.receipt import Receipt
from . import backup

WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Wish:
    purge: bool = False
    #: Whether the operator agreed to the removal of data.
    yes: bool = False
    #: Whether to remove the service's account too.
    account: bool = False
    #: Path of the last backup; beside the release or the instance by default.
    file: str | None = None

    @property
    def words(self) -> Sequence[str]:
        """The arguments that carry it out."""
        return ("uninstall", "--purge", *(["--remove-user"] if self.account else []), "--yes")


def uninstall(session: Session, wish: Wish) -> None:
    """Stops the service and removes what install made, except data, keys and passwords. Idempotent."""
    if not session.instance.exists:
        # A purge may have been interrupted before its very last step.
        if wish.purge and wish.yes and _remove_root(session.instance.root):
            _name_what_is_left(session, wish)
            return
        session.installed()
    if wish.purge:
        _check_account(session, wish)
    else:
        if wish.file is not None:
            raise Failure(Exit.USAGE, Problem("FILE is for the last backup of --purge", hint="leave it out"))
        if wish.account:
            raise Failure(
                Exit.USAGE, Problem("--remove-user requires --purge", hint="the files that stay belong to that account")
            )
        session.settled()
    # An interrupted purge may have removed the account.
    site = session.candidate() if _purging(session) else session.site()
    with session.exclusive():
        if wish.purge:
            _purge(session, site, wish)
        else:
            _uninstall(session, site)
    _name_what_is_left(session, wish)
    for problem in boot_time.left_behind(site):
        report.warn(problem)


def _check_account(session: Session, wish: Wish) -> None:
    account = session.receipt.account if session.receipt else {}
    if wish.account and not account.get("made"):
        what = f"bootstrap did not create the account {account.get('name', 'of the service')}"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=session.instance.root, hint="leave --remove-user out"))


def _purging(session: Session) -> bool:
    """Whether a purge was interrupted after it wrote the last backup, which holds all that was removed."""
    unfinished = session.unfinished
    return unfinished is not None and unfinished.operation == "purge" and WITHDRAW in unfinished.steps


def _uninstall(session: Session, site: Site) -> None:
    journal, recorded = session.journal, session.receipt
    journal.begin("uninstall", recorded.answers if recorded else {}, resume=session.command_line("uninstall"))
    _take_apart(session, site)
    if recorded is not None:
        journal.step("receipt")
        # If a change was interrupted, only the journal, which is removed next, knows which states the data may be in.
        state = recorded.state if len(session.states) == 1 else {}
        facts = replace(recorded, uninstalled=recorded.uninstalled or receipt.timestamp(), state=state)
        receipt.write(session.instance.receipt, facts, site.account.readable)
    journal.end()


def _take_apart(session: Session, site: Site) -> None:
    """Stops the service and removes what the next install makes again. Keeps files that the operator edited."""
    instance, journal = session.instance, session.journal
    journal.step(WITHDRAW)
    lifecycle.withdraw(session, site)
    journal.step("remove")
    for path in _rendered(session):
        files.remove(path)
    for directory in (instance.run, instance.temporary):
        trees.remove(directory, lenient=True, keep=list(_data(session)))
    _remove_empty_directories(session, site)


def _rendered(session: Session) -> Iterator[str]:
    """The rendered files that nobody edited, including those of an interrupted install."""
    recorded = session.receipt.files if session.receipt is not None else {}
    for name in sorted({*recorded, *session.written}):
        content = None if os.path.isabs(name) else files.read(session.instance.path(name))
        known = (recorded.get(name, {}).get("sha256"), *session.written.get(name, ()))
        if content is not None and files.digest(content) in known:
            yield session.instance.path(name)


def _remove_empty_directories(session: Session, site: Site) -> None:
    """Removes directories that install made and that are empty now, innermost first."""
    for directory in sorted((entry.path for entry in directories(session.product, site)), reverse=True):
        path = session.instance.path(directory)
        if files.is_directory(path) and not files.names(path):
            _remove(path)


def _remove(path: str) -> None:
    """Removes a file or a tree; only empties a directory that is a mount point."""
    try:
        trees.remove(path)
    except OSError as error:
        if error.errno != errno.EBUSY or not files.is_mount(path):
            raise


def _purge(session: Session, site: Site, wish: Wish) -> None:
    instance = session.instance
    account = session.receipt.account.get("name", "") if session.receipt and wish.account else ""
    doomed = [path for path in _doomed(session) if files.is_taken(path)]
    if not wish.yes:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "--purge removes data and keys for good, so it needs --yes",
                where=instance.root,
                why="it would remove, after a last backup:",
                details=[
                    *(os.path.relpath(path, instance.root) for path in doomed),
                    *([f"the account {account}"] if account else []),
                ],
                hint=f"run {session.command_line(*wish.words)}",
            ),
        )
    journal = session.journal
    if not _purging(session):
        target = _last_backup(session, site, wish)
        resume = session.command_line(*wish.words)
        journal.begin("purge", session.receipt.answers if session.receipt else {}, resume=resume)
        if target:
            journal.step("back up", file=target)
            with report.step("back up"):
                backup.write(session, site, target)
            backup.warn_of_skipped(session)
            report.out(target)
    _take_apart(session, site)
    journal.step("purge")
    for path in doomed:
        _remove(path)
    _remove_empty_directories(session, site)
    if account:
        journal.step("remove the account")
        remove_account(account)
    for path in (instance.receipt, instance.journal, instance.supervisor, instance.lock):
        files.remove(path)
    _remove_root(instance.root)


def _remove_root(root: str) -> bool:
    """Removes the instance's directory if it is empty, and an operator's link to it; keeps a mount point. Returns False
    if there was nothing to remove."""
    place = os.path.realpath(root)
    if files.is_directory(place):
        if files.names(place):
            return False
        if not files.is_mount(place):
            files.remove_directory(place)
    elif files.is_taken(place) or not os.path.islink(root):
        return False
    if os.path.islink(root):
        files.remove(root)
    return True


def _data(session: Session) -> Iterator[str]:
    """Paths of everything that cannot be made again."""
    instance, product = session.instance, session.product
    for store in session.stores():
        yield from map(instance.path, store.paths)
    yield from map(instance.path, (*product.PLACES, *product.SECRETS))


def _doomed(session: Session) -> Iterator[str]:
    """What only --purge removes. The data comes first: without it, install cannot continue with the rest."""
    instance = session.instance
    yield from _data(session)
    yield instance.log
    yield instance.backups
    recorded: Receipt | None = session.receipt
    yield from (instance.path(name) for name in (recorded.files if recorded else ()) if not os.path.isabs(name))


def _last_backup(session: Session, site: Site, wish: Wish) -> str | None:
    """The path of the last backup; None if there is nothing to save. Overwrites the backup of an interrupted purge."""
    if session.receipt is None or not session.product.is_prepared(site):
        return None
    inside = session.instance.root.startswith(f"{session.release.root}/")
    directory = os.path.dirname(session.release.root if inside else session.instance.root)
    wanted = os.path.abspath(wish.file or directory)
    begun = _begun_backup(session)
    if begun and wanted in (begun, os.path.dirname(begun)):
        return begun
    path = backup.resolve_target(session, session.receipt, wanted)
    if path.startswith(f"{session.instance.root}/"):
        raise Failure(Exit.PREFLIGHT, Problem("the last backup must be outside the instance", where=path))
    return path


def _begun_backup(session: Session) -> str:
    """The path of the last backup of an interrupted purge; empty if there is none."""
    unfinished = session.unfinished
    if unfinished is None or unfinished.operation != "purge":
        return ""
    return str(unfinished.steps.get("back up", {}).get("file", ""))


def _name_what_is_left(session: Session, wish: Wish) -> None:
    root = session.instance.root
    account = session.receipt.account if session.receipt else {}
    if wish.purge and account.get("made") and not wish.account:
        report.note(f"  the account {account['name']} is left; to remove it: {describe_removing(account['name'])}")
    if not files.is_directory(root):
        report.note(f"  {root} is gone")
        return
    left = files.names(root)
    if wish.purge:
        why = "bootstrap did not make it"
        report.warn(Problem("some files are left", where=root, why=why, details=left, hint="remove them by hand"))
        return
    report.note(f"  kept in {root}: {', '.join(left)}")
    report.note(f"  to serve again: {session.command_line('install')}")
