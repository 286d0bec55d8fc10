"""The `verify` command: release against its manifest, instance against its receipt, then the live service."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator

from . import control, files, report
from .errors import Exit, Failure, Problem
from .receipt import Receipt
from .session import Session


def verify(session: Session, as_json: bool) -> None:
    """Raises INTEGRITY for a damaged release, VERIFICATION for anything else that is wrong.

    bootstrap.sh has compared the bytes of the release with its checksums before this runs.
    """
    edits: list[str] = []
    proven: list[str] = []
    problems: list[Problem] = []
    exit_code = Exit.VERIFICATION
    try:
        session.release.check_contents()
    except Failure as failure:
        exit_code = failure.exit_code
        problems.extend(failure.problems)
    recorded = session.installed()
    site = session.site()
    edits.extend(_edits(session, recorded))
    problems.extend(_check_files(session, recorded))
    problems.extend(control.find_faults(session, site))
    try:
        proven = session.product.prove(site)
    except Failure as failure:
        problems.extend(failure.problems)
    if as_json:
        report.out(
            json.dumps(
                {
                    "ok": not problems,
                    "release": {"name": session.release.name, "id": session.release.id},
                    "instance": session.instance.root,
                    "edited": edits,
                    "proven": proven,
                    "problems": [{"what": p.what, "where": p.where, "why": p.why} for p in problems],
                },
                ensure_ascii=False,
            )
        )
    else:
        _print(session, edits, proven, bool(problems))
    if problems:
        raise Failure(exit_code, *problems)


def _print(session: Session, edits: list[str], proven: list[str], faulty: bool) -> None:
    count = len(session.release.checksums())
    report.out(f"release   {session.release.name}: {count} files")
    for path in edits:
        report.out(f"edited    {path} (by hand, since it was rendered)")
    for line in proven:
        report.out(f"service   {line}")
    if not faulty:
        report.out("all is well")


def _edits(session: Session, recorded: Receipt) -> Iterator[str]:
    for path, facts in sorted(recorded.files.items()):
        content = files.read(session.instance.path(path))
        if content is not None and files.digest(content) != facts["sha256"]:
            yield path


def _check_files(session: Session, recorded: Receipt) -> Iterator[Problem]:
    again = "run init/bootstrap.sh install; it writes it again"
    for path, facts in sorted(recorded.files.items()):
        where = session.instance.path(path)
        try:
            mode = stat.S_IMODE(os.lstat(where).st_mode)
        except FileNotFoundError:
            yield Problem("a file of the instance is missing", where=where, hint=again)
            continue
        if mode & ~int(facts["mode"], 8):
            yield Problem(
                "a file of the instance is open to more users than it was",
                where=where,
                why=f"mode {mode:04o}, was {facts['mode']}",
                hint=again,
            )
