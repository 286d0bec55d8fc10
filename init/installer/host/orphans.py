"""Children of this process that nobody waits for: daemons, and orphans that it inherits as PID 1, or as a subreaper.
Facts: wait(2), PR_SET_CHILD_SUBREAPER in prctl(2)."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping

_PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Makes this process inherit the orphans among its descendants, as PID 1 does anyway."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> Mapping[int, int]:
    """Takes the exit codes of all children that have ended, by pid; minus the signal's number for a killed one. Must
    not run while something else waits for a child."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def describe(code: int) -> str:
    """How a process ended, by its exit code from `reap`."""
    return f"it ended with {code}" if code >= 0 else f"it was ended by {signal.Signals(-code).name}"
