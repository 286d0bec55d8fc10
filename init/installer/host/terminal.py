"""Lines that a person types, or a program writes."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from .. import report


def is_interactive() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin.isatty()


def ask(prompt: str, *, secret: bool = False) -> str | None:
    """Shows the prompt on stderr and reads a line from standard input; None at its end.

    A terminal does not show what is typed if it is secret.
    """
    hidden = _without_echo() if secret and is_interactive() else nullcontext()
    with hidden:
        report.note(prompt, end="")
        line = sys.stdin.readline()
    return line.removesuffix("\n") if line else None


@contextmanager
def _without_echo() -> Iterator[None]:
    """Turns the terminal's echo off, except for the end of the line. Discards what was typed before."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    during = termios.tcgetattr(descriptor)
    during[3] = during[3] & ~termios.ECHO | termios.ECHONL
    try:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, during)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
