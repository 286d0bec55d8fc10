"""The `verify` command: checks the release against its manifest, the instance against its receipt, then the live
service."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import report
from ..engine import diagnosis
from ..engine.session import Session
from ..errors import Exit, Failure, Problem, check_all
from ..state import files
from ..state.receipt import Receipt
from . import rollback


@dataclass
class _Findings:
    """Facts to report that are not problems."""

    edits: list[str] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)
    previous: Mapping[str, Any] | None = None


def verify(session: Session, as_json: bool) -> None:
    """Raises INTEGRITY for a damaged release, VERIFICATION for anything else that is wrong.

    bootstrap.sh has compared the bytes of the release with its checksums before this runs.
    """
    found = _Findings()
    try:
        check_all(
            lambda: session.release.check_contents(session.instance.root),
            lambda: _check_rights(session),
            lambda: _verify_instance(session, found),
        )
        wrong = None
    except Failure as failure:
        wrong = failure
    problems = wrong.problems if wrong else ()
    if as_json:
        report.document(
            {
                "ok": not problems,
                "release": {"name": session.release.name, "id": session.release.id},
                "instance": session.instance.root,
                "edited": found.edits,
                "proven": found.proven,
                "previous": found.previous,
                "problems": [{"what": p.what, "where": p.where, "why": p.why} for p in problems],
            }
        )
    else:
        _print(session, found, bool(problems))
    if wrong is not None:
        raise wrong


def _check_rights(session: Session) -> None:
    """Skips root, for whom bootstrap.sh or cli.py did it before the command."""
    if os.geteuid() != 0:
        session.release.check_rights(session.instance.root)


def _verify_instance(session: Session, found: _Findings) -> None:
    """Raises PREFLIGHT if none is installed, VERIFICATION with all problems."""
    recorded = session.installed()
    site = session.site()
    found.previous = rollback.describe_previous(session, recorded)
    found.edits.extend(_edits(session, recorded))
    problems = [*_check_files(session, recorded), *diagnosis.find_faults(session, site)]
    try:
        found.proven.extend(session.product.prove(site))
    except Failure as failure:
        problems.extend(failure.problems)
    if problems:
        raise Failure(Exit.VERIFICATION, *problems)


def _print(session: Session, found: _Findings, faulty: bool) -> None:
    count = len(session.release.checksums)
    report.out(f"release   {session.release.name}: {count} files")
    if found.previous is not None:
        report.out(f"before    {rollback.tell_previous(found.previous)}")
    for path in found.edits:
        report.out(f"edited    {path} (by hand, since it was rendered)")
    for line in found.proven:
        report.out(f"service   {line}")
    if not faulty:
        report.out("all is well")


def _edits(session: Session, recorded: Receipt) -> Iterator[str]:
    for path, facts in sorted(recorded.files.items()):
        content = files.read(session.instance.path(path))
        if content is not None and files.digest(content) != facts["sha256"]:
            yield path


def _check_files(session: Session, recorded: Receipt) -> Iterator[Problem]:
    again = f"run {session.command_line('install')}; it writes it again"
    for path, facts in sorted(recorded.files.items()):
        where = session.instance.path(path)
        found = files.status(where, follow=False)
        if found is None:
            yield Problem("a file of the instance is missing", where=where, hint=again)
            continue
        mode = stat.S_IMODE(found.st_mode)
        if mode & ~int(facts["mode"], 8):
            yield Problem(
                "a file of the instance is open to more users than it was",
                where=where,
                why=f"mode {mode:04o}, was {facts['mode']}",
                hint=again,
            )
