"""What the operator sees. Results go to stdout; progress, warnings and errors to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import Problem


def out(text: str = "") -> None:
    print(text, flush=True)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


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
