"""Output for the operator. Results go to stdout; progress, warnings and errors to stderr.

Names, logs and answers come from others, so control characters in them are escaped.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from .errors import Problem

#: Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls, and the surrogates by which
#: Python keeps bytes that are not UTF-8.
_OBEYED = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text as one line that no terminal obeys: ESC becomes `\\x1b`, U+202E `\\u202e`, an invalid byte `\\xff`."""
    return _OBEYED.sub(_describe, text)


def _describe(found: re.Match[str]) -> str:
    number = ord(found[0])
    number -= 0xDC00 if 0xDC80 <= number <= 0xDCFF else 0
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def document(value: Any) -> None:
    """Prints a result as ASCII JSON."""
    out(json.dumps(value))


def out(line: str = "") -> None:
    try:
        print(visible(line), flush=True)
    except OSError as error:
        _discard(sys.stdout)
        error.filename = "standard output"
        raise


def note(line: str, end: str = "\n") -> None:
    """Prints progress. A failed write is ignored, so that it does not interrupt the work."""
    try:
        print(visible(line), end=end, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Discards what the stream still buffers and everything written to it from now on, without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def open_standard_streams() -> None:
    """Opens the standard streams that the caller closed. Otherwise the next open files would take their numbers, and
    output would be written into them."""
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
    """Times a step and prints its title when it ends; remarks passed to the yielded function are added to the line."""
    start = time.monotonic()
    remarks: list[str] = []
    yield remarks.append
    remark = f"  {'; '.join(remarks)}" if remarks else ""
    note(f"  {title:<28} {time.monotonic() - start:6.2f} s{remark}")
