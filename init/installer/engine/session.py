"""What a command works on: the release, the instance that was named, its receipt and the resolved answers."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..answers import answers, own
from ..answers.answers import Answers, Declaration, Source
from ..answers.arguments import Arguments
from ..bundle.api import Product, Site
from ..bundle.store import Store
from ..errors import Exit, Failure, Problem
from ..host import strays
from ..host.accounts import account_name, find_account
from ..host.processes import Process, find_processes
from ..state import boundary, files, lock, receipt
from ..state.instance import Instance
from ..state.journal import Journal, Unfinished
from ..state.receipt import Receipt
from ..state.release import DEFAULT_INSTANCE, LEFT, Release


@dataclass(frozen=True)
class Session:
    release: Release
    product: Product
    instance: Instance
    declared: Mapping[str, Declaration]
    #: The answers given to this run; they take precedence over those of earlier runs.
    given: Sequence[Source]
    answers: Answers
    receipt: Receipt | None
    unfinished: Unfinished | None
    #: See `Site`.
    former: Release | None = None

    @property
    def journal(self) -> Journal:
        return Journal(self.instance.journal)

    @property
    def written(self) -> Mapping[str, Sequence[str]]:
        """By path, digests of content that interrupted runs wrote or were about to write."""
        return self.unfinished.written if self.unfinished is not None else {}

    @property
    def states(self) -> Sequence[Mapping[str, Any]]:
        """The states that the data may be in: the receipt's, and those that interrupted runs were about to reach. Empty
        if no install has finished."""
        if self.receipt is None:
            return ()
        return (self.receipt.state, *(self.unfinished.states if self.unfinished is not None else ()))

    def site(self) -> Site:
        """Raises PREFLIGHT if the service's account cannot be used."""
        site = self.candidate()
        if site.account.faults:
            raise Failure(Exit.PREFLIGHT, *site.account.faults)
        return site

    def candidate(self) -> Site:
        """The site for the preflight to check: its account may be unusable."""
        user = next(iter(self.answers["user"].values), None)
        former = self.receipt.account.get("name") if self.receipt else None
        create = self.answers["create-user"].values == ("true",)
        account = find_account(user, former=former, create=create, custom=self.release.bundle["name"])
        return Site(self.release, self.instance, account, self.answers, former=self.former)

    def stores(self) -> Sequence[Store]:
        """The stores of the instance's data; their account may be unusable."""
        return self.product.stores(self.candidate())

    def processes(self) -> list[Process]:
        """The instance's processes, including those of daemons that its answers no longer name."""
        product = self.product
        found = find_processes(
            self.instance.run, unplaced=product.UNPLACED, former=self._former_run(), endings=product.ENDINGS
        )
        return strays.find(self.instance, product.daemons(self.candidate()), {self.release.python}, found)

    def _former_run(self) -> str:
        if self.receipt is None or self.receipt.instance_path == self.instance.root:
            return ""
        return Instance(self.receipt.instance_path).run

    def installed(self) -> Receipt:
        """The receipt; raises PREFLIGHT if there is no finished install, LOCKED if one is under way."""
        if self.receipt is not None and not self.receipt.uninstalled:
            return self.receipt
        if self.instance.exists:
            # Raises LOCKED if an install is at work, which will write the receipt.
            with self.exclusive():
                pass
        why = "no receipt was found"
        if self.receipt is not None:
            why = f"it was uninstalled on {self.receipt.uninstalled}; its data is kept"
        hint = f"run {self.command_line('install')}, or name another instance with --instance"
        left = self._left()
        if left is not None:
            why = f"an upgrade took it to {left.instance_path}"
            hint = f"use {os.path.join(left.release_path, 'init', 'bootstrap.sh')}"
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "there is no installed instance",
                where=self.instance.root,
                why=why,
                hint="" if self.unfinished else hint,
            ),
            *self.interruptions(),
        )

    def _left(self) -> Receipt | None:
        """The receipt of the release's default instance, if an upgrade took that away and this session names it."""
        own = self.instance.root == self.release.path(DEFAULT_INSTANCE)
        try:
            return (
                _read(Instance(self.release.left)) if own and not self.instance.exists and self.release.left else None
            )
        except (Failure, OSError):
            return None

    def interruptions(self) -> Iterator[Problem]:
        """The interrupted operation, if any, and the command that finishes it."""
        if self.unfinished is not None:
            yield Problem(
                f"{self.unfinished.operation} of {self.unfinished.began} was interrupted",
                why=f"its last step was: {self.unfinished.last_step}",
                hint=f"run {self.unfinished.resume or self.command_line('install')}; it resumes where it stopped",
            )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the instance's lock. Raises LOCKED if another process holds it, or has changed the instance since this
        session was opened, and PREFLIGHT if this user may not take it."""
        with ExitStack() as held:
            try:
                held.enter_context(lock.exclusive(self.instance.lock))
            except PermissionError as error:
                raise Failure(Exit.PREFLIGHT, foreign(self.instance)) from error
            if (_read(self.instance), _unfinished(self.instance)) != (self.receipt, self.unfinished):
                what = "another bootstrap has changed the instance in the meantime"
                raise Failure(Exit.LOCKED, Problem(what, where=self.instance.root, hint="run the command again"))
            yield

    @contextmanager
    def upkeep(self) -> Iterator[None]:
        """Holds the lock for work that the service's account may do too: in an instance of root's, that account uses a
        separate lock."""
        own = files.status(self.instance.lock, follow=False)
        if os.geteuid() != 0 and own is not None and own.st_uid == 0:
            with lock.exclusive(lock.of_account(self.instance.root)):
                yield
        else:
            with self.exclusive():
                yield

    def settled(self, *operations: str) -> None:
        """Raises PREFLIGHT if an operation other than these was interrupted while it exchanged data."""
        unfinished = self.unfinished
        if unfinished is None or not unfinished.switched or unfinished.operation in operations:
            return
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                f"{unfinished.operation} of {unfinished.began} was interrupted while it exchanged the data",
                where=self.instance.root,
                why="the data is neither in its former state nor in the new one",
                hint=f"run {unfinished.resume}; it resumes where it stopped",
            ),
        )

    def command_line(self, *words: str) -> str:
        """The shell command that runs this release's bootstrap on this instance."""
        return self.release.command_line(*words, instance=self.instance.root if self.answers["instance"].given else "")

    def at(self, instance: Instance) -> Session:
        """This session after the instance was moved there."""
        return replace(self, instance=instance, unfinished=Journal(instance.journal).unfinished())

    def following(self, recorded: Receipt, *, given: Sequence[Source]) -> Session:
        """This session as if the instance had this receipt."""
        answered = answers.resolve(self.declared, [*given, Source(answers.RECEIPT, recorded.answers)])
        return replace(self, receipt=recorded, answers=answered)


def open_session(release: Release, product: Product, arguments: Arguments, environment: Mapping[str, str]) -> Session:
    """Reads the instance and resolves the answers; writes nothing."""
    declared = own.declarations(release.bundle)
    sources = [Source("command line", arguments.texts), *answers.from_environment(declared, environment)]
    if arguments.answers_file:
        sources.append(answers.from_file(declared, arguments.answers_file))
    given = tuple(sources)
    instance = _instance(release, declared, arguments, given)
    _check_owner(instance)
    recorded = _read(instance)
    unfinished = _unfinished(instance) if instance.exists else None
    if unfinished is not None:
        sources.append(Source(answers.INTERRUPTED, unfinished.answers))
    if recorded is not None:
        sources.append(Source(answers.RECEIPT, recorded.answers))
    resolved = answers.resolve(declared, sources)
    return Session(release, product, instance, declared, given, resolved, recorded, unfinished)


def _unfinished(instance: Instance) -> Unfinished | None:
    """The interrupted operation; None if this user may not read the journal, which is the installer's."""
    try:
        return Journal(instance.journal).unfinished()
    except PermissionError:
        return None


def _check_owner(instance: Instance) -> None:
    """Raises PREFLIGHT if root runs this on an instance that others can change: root would obey files that they
    wrote."""
    found = files.status(instance.root)
    if found is None or not boundary.is_exchangeable(found) or not instance.exists:
        return
    if found.st_uid == 0:
        why, hint = f"mode {found.st_mode & 0o7777:04o}", f"chmod go-w {shlex.quote(instance.root)}"
        raise Failure(Exit.PREFLIGHT, replace(foreign(instance), why=why, hint=hint))
    raise Failure(Exit.PREFLIGHT, foreign(instance))


def foreign(instance: Instance) -> Problem:
    """The problem of an instance that only another user can change."""
    found = files.status(instance.root)
    name = account_name(os.geteuid() if found is None else found.st_uid)
    return Problem(
        "the instance belongs to another user",
        where=instance.root,
        why=f"it belongs to {name}, and bootstrap runs as {account_name(os.geteuid())}",
        hint=f"run bootstrap as {name}",
    )


def _read(instance: Instance) -> Receipt | None:
    try:
        return receipt.read(instance.receipt)
    except PermissionError as error:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                "the instance cannot be read",
                where=instance.root,
                why="it belongs to another user",
                hint="run bootstrap as root, or as the user who installed it",
            ),
        ) from error


def _instance(
    release: Release, declared: Mapping[str, Declaration], arguments: Arguments, sources: Sequence[Source]
) -> Instance:
    """The named instance; else the release's default; else, in an upgrade, that of the former release."""
    only = {"instance": declared["instance"]}
    named = answers.resolve(only, sources)["instance"].values
    if named:
        return Instance(named[0])
    own = Instance(release.path(DEFAULT_INSTANCE))
    origin = arguments.options.get("from")
    if own.exists:
        return own
    if origin:
        return Instance(os.path.join(os.path.realpath(origin), DEFAULT_INSTANCE))
    if arguments.command.name == "rollback" and os.path.islink(release.path(LEFT)):
        left = Instance(os.readlink(release.path(LEFT)))
        recorded = _read(left)
        # If an upgrade moved it there, no rollback is returning it.
        if recorded is None or recorded.previous.get("release") != release.root:
            return left
    return own
