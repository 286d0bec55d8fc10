"""The command `ask`: questions about every answer, line by line, for an answers file. It changes no instance."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .. import report
from ..answers import answers, usage
from ..answers.answers import Answer, Declaration
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..host import terminal
from ..state import files

#: A line that leaves all further answers as they are.
_REST = "."


def ask(session: Session, file: str) -> None:
    """Asks for each answer, and writes those that differ from the defaults to `file`, which only this user can read.

    Raises USAGE if the input ends before the last question, or if a value is not valid and no person can correct it;
    then nothing is written.
    """
    path = os.path.abspath(file)
    files.require_free(path)
    report.note(f"An empty line keeps the value in brackets; a line with only {_REST} keeps all further ones.")
    texts: dict[str, Sequence[str]] = {name: answer.values for name, answer in session.answers.items() if answer.given}
    for name, declaration in session.declared.items():
        reply = _reply(declaration, session.answers[name])
        if reply == (_REST,):
            break
        if reply:
            texts[name] = reply
    content = answers.to_text(session.declared, texts)
    files.write_atomically(path, content.encode(), 0o600)
    report.out(path)
    report.note(f"  next: {session.command_line('plan', '--answers', path)}")
    report.note(f"  then: {session.command_line('install', '--answers', path)}")


def _reply(declaration: Declaration, answer: Answer) -> Sequence[str]:
    """The values that are typed; none for an empty line, and only _REST for that."""
    report.note("")
    report.note(f"{usage.option(declaration)}: {usage.describe(declaration)}")
    present = "(hidden)" if declaration.secret and answer.values else " ".join(answer.values)
    while True:
        line = terminal.ask(f"  [{present}]: " if present else "  : ", secret=declaration.secret)
        if line is None:
            what = f"the input ended at the question for {declaration.flag}; nothing was written"
            raise Failure(Exit.USAGE, Problem(what, hint=f"end the questions with a line that has only {_REST}"))
        if line.strip() in ("", _REST):
            return tuple(line.split())
        try:
            return answers.read(declaration, line.strip())
        except Failure as failure:
            if not terminal.is_interactive():
                raise
            for problem in failure.problems:
                report.show(problem)
