"""What the operator sees. Results go to stdout; progress, warnings and errors to stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from .errors import Problem


def out(text: str = "") -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        _discard(sys.stdout)
        error.filename = "standard output"
        raise


def note(text: str) -> None:
    """Tells how things go. That nobody can hear it is no reason to leave them half done."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """What the stream still holds, and what is written to it from now on, goes nowhere, without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def open_standard_streams() -> None:
    """Opens those that the caller closed. Otherwise the next files to be opened would take their numbers, and what is
    meant for a stream would be written into them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 # For as long as this process lives.
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def warn(problem: Problem) -> None:
    show(problem, "warning")


def show(problem: Problem, level: str = "error") -> None:
    """Prints a problem: what on the first line, then where, why, details and what to do."""
    note(f"{level}: {problem.what}")
    for label, text in (("where", problem.where), ("why", problem.why)):
        if text:
            note(f"  {label}: {text}")
    for line in problem.details:
        note(f"  | {line}")
    if problem.hint:
        note(f"  do: {problem.hint}")


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Times a step and prints its title when it ends; what is given to the yielded function is added to the line."""
    start = time.monotonic()
    remarks: list[str] = []
    yield remarks.append
    remark = f"  {'; '.join(remarks)}" if remarks else ""
    note(f"  {title:<28} {time.monotonic() - start:6.2f} s{remark}")
