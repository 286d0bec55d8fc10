"""The `migrate-database` command: copies the data to another database, which is used from then on.

A rehearsal comes first, while the service runs. Then the service is stopped, so that no write is lost, and the data is
copied and compared. Then the switch: the instance gets the answers that name the other database, and must prove that it
works with it. The former database is never changed, so going back just uses it again.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NoReturn

from .. import report
from ..answers import answers
from ..answers.answers import Source
from ..bundle.api import Site
from ..bundle.transfer import Transfer
from ..engine import lifecycle
from ..engine.apply import apply
from ..engine.plan import asked, make_plan
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, problems_of
from ..state import receipt
from ..state.journal import SWITCH
from . import install

NAME = "migrate-database"


def migrate_database(session: Session, where: str) -> None:
    """Runs the migration, or the rest of an interrupted one."""
    session.settled(NAME)
    session.installed()
    install.check_version(session)
    unfinished = session.unfinished
    switched = unfinished is not None and unfinished.switched
    former = _former(session)
    wanted = _elsewhere(session, where)
    source, target = former.site(), wanted.site()
    transfer = session.product.transfer(source, target)
    if transfer is None:
        raise AssertionError("the service accepts the place but offers no transfer")
    if transfer.is_done and not switched:
        report.note("  the data is in that database already")
        return
    with session.exclusive():
        if unfinished is not None and switched:
            if unfinished.facts["to"] != where:
                session.settled()
            report.note(f"  finishing {NAME} of {unfinished.began}, interrupted at: {unfinished.last_step}")
            stopped = None
        else:
            stopped = _copy(former, source, transfer, where)
        up = _switch(former, wanted, transfer)
    if stopped is not None:
        report.note(f"  without service for {up - stopped:.1f} s")
    report.note(f"  {transfer.left}")
    install.summarize(wanted, target)


def _former(session: Session) -> Session:
    """The session with the answers that name the source database."""
    recorded, unfinished = session.installed(), session.unfinished
    if unfinished is not None and unfinished.operation == NAME and unfinished.switched:
        # The receipt may have the new answers.
        recorded = replace(recorded, answers=unfinished.facts["former"])
    former = session.following(recorded, given=())
    return replace(former, receipt=session.receipt)


def _elsewhere(session: Session, where: str) -> Session:
    """The session with the answers that name the target database."""
    texts = session.product.place(where)
    if texts is None:
        what = f"{session.release.bundle['name']} has no data that can be migrated"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=session.instance.root))
    given = [Source("--to", texts), *session.given, Source(answers.RECEIPT, session.installed().answers)]
    return replace(session, answers=answers.resolve(session.declared, given))


def _copy(former: Session, source: Site, transfer: Transfer, where: str) -> float:
    """Stops the service and copies the data. Returns the monotonic time of the stop. On failure, starts the service
    again with nothing changed, and raises."""
    with report.step("preflight"):
        install.preflight_all(former, source)
        transfer.claim()
    journal = former.journal
    answered = dict(former.installed().answers)
    journal.begin(NAME, asked(former), resume=_again(former, where), to=where, former=answered)
    try:
        journal.step("rehearse")
        # An interrupted run may have left it down, and the rehearsal queries it.
        lifecycle.bring_up(former, source)
        with report.step("rehearse") as remark:
            remark(transfer.rehearse())
        journal.step("stop")
        stopped = time.monotonic()
        lifecycle.take_down(former, source)
        journal.step("copy")
        with report.step("copy") as remark:
            remark(transfer.copy())
        journal.step(SWITCH)
    except Exception as error:
        lifecycle.serve_on(former, source, error, "the service", _serves(former))
    return stopped


def _again(session: Session, where: str) -> str:
    words = [word for source in session.given for name, texts in source.texts.items() for word in _words(name, texts)]
    return session.command_line(NAME, "--to", where, *words)


def _words(name: str, texts: object) -> list[str]:
    return [] if name == "instance" or not isinstance(texts, list) else [f"--{name}={text}" for text in texts]


def _serves(session: Session) -> Problem:
    return Problem("not migrated: the service goes on with the former database", where=session.instance.root)


def _switch(former: Session, wanted: Session, transfer: Transfer) -> float:
    """Switches to the target database; returns the monotonic time at which the service answered."""
    try:
        transfer.adopt()
        up = _bring_up(wanted)
        transfer.prove()
    except Exception as error:
        _go_back(former, wanted, transfer, error)
    transfer.finish()
    wanted.journal.end()
    return up


def _bring_up(session: Session) -> float:
    # The receipt may be the one that a failed switch wrote.
    session = replace(session.at(session.instance), receipt=receipt.read(session.instance.receipt))
    site = session.site()
    return apply(session, site, make_plan(session, site))


def _go_back(former: Session, wanted: Session, transfer: Transfer, error: Exception) -> NoReturn:
    """Returns to the former database. Always raises."""
    problems = problems_of(error)
    report.note("  the service does not work with the other database; returning to the former one")
    try:
        lifecycle.take_down(wanted, wanted.site())
        transfer.give_back()
        _bring_up(former)
        former.journal.abandon()
    except Exception as second:
        hint = "remove the cause and run the command again; nothing serves until then"
        problem = Problem("the former state could not be restored", where=former.instance.root, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, *problems, *problems_of(second), problem) from error
    raise Failure(Exit.ROLLED_BACK, *problems, _serves(former)) from error
