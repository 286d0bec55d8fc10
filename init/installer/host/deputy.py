"""Runs work in a child that has switched to the service's account: it reaches only what the account itself can reach.

The child cannot regain rights, returns its result as JSON through a pipe, and is killed when it makes no progress, so
that root never waits for the account's files. The kernel keeps the account from tracing it; see "dumpable" in
ptrace(2).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from ..errors import Exit, Failure, Problem

Value = TypeVar("Value")

#: Seconds without progress after which a child is killed.
PATIENCE = 15.0
#: Limit of a child's result in bytes.
_LARGEST = 128 << 20
_INTERVAL = 0.5
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


class Progress:
    """Watches whether a process makes progress: uses the processor, reads or writes."""

    def __init__(self, pid: int, patience: float = PATIENCE) -> None:
        self._pid = pid
        self._patience = patience
        self._moved = time.monotonic()
        self._done = ""

    def is_stuck(self) -> bool:
        now, done = time.monotonic(), _work_done(self._pid)
        if done != self._done:
            self._moved, self._done = now, done
        return now - self._moved > self._patience


def _work_done(pid: int) -> str:
    """Changes whenever the process has done something; see proc(5)."""
    words = []
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        words += file.read().rpartition(")")[2].split()[11:13]
    with suppress(OSError), open(f"/proc/{pid}/io", encoding="ascii") as file:
        words += file.read().split()
    return " ".join(words)


def run(become: Callable[[], None], function: Callable[..., Value], arguments: Sequence[Any]) -> Value:
    """Calls `function(*arguments)` in a child that has called `become`; returns its plain JSON data, or raises its
    Failure or OSError. Raises NEEDS_PERSON if the child is stuck."""
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _work(writer, parent, become, lambda: function(*arguments))
    os.close(writer)
    try:
        answer = json.loads(_listen(reader, child))
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    value: Value = _understand(answer)
    return value


def _listen(reader: int, child: int) -> bytes:
    told, progress = bytearray(), Progress(child)
    while True:
        if select.select([reader], [], [], _INTERVAL)[0]:
            piece = os.read(reader, 1 << 20)
            told += piece
            if not piece:
                return bytes(told) or b"{}"
            if len(told) > _LARGEST:
                raise _stopped("it found too much to report")
        elif progress.is_stuck():
            raise _stopped(f"it did nothing for {PATIENCE:.0f} s")


def launch(become: Callable[[], None], function: Callable[[], object]) -> int:
    """Calls `function` in a child that has called `become`, and does not wait for it: returns its pid. It dies with
    this process."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _prepare(-1, parent, become)
            function()
        finally:
            os._exit(0)
    return child


def _prepare(kept: int, parent: int, become: Callable[[], None]) -> None:
    """In a child: takes the account's rights, and keeps only one descriptor and the standard streams."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _close_all_but(kept)
    become()
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # A killed installer must leave no writer behind.
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _work(writer: int, parent: int, become: Callable[[], None], act: Callable[[], Any]) -> NoReturn:
    """Never returns: there must be no second installer."""
    answer: dict[str, Any]
    try:
        _prepare(writer, parent, become)
        answer = {"value": act()}
    except Failure as failure:
        answer = {"failure": failure.exit_code, "problems": [vars(problem) for problem in failure.problems]}
    except OSError as error:
        answer = {"error": [error.errno, error.strerror, os.fsdecode(str(error.filename or ""))]}
    except BaseException:
        answer = {"fault": traceback.format_exc()}
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _close_all_but(kept: int) -> None:
    """A child must not hold the instance's lock, above all, longer than its parent."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept:
            with suppress(OSError):
                os.close(int(name))


def _understand(answer: Any) -> Any:
    if "value" in answer:
        return answer["value"]
    if "failure" in answer:
        raise Failure(Exit(answer["failure"]), *(Problem(**problem) for problem in answer["problems"]))
    if "error" in answer:
        number, text, path = answer["error"]
        raise OSError(number, text, path or None)
    if "fault" in answer:
        raise RuntimeError(answer["fault"])
    raise _stopped("it was killed")


def _stopped(why: str) -> Failure:
    problem = Problem(
        "the files of the service's account could not be read",
        why=f"the process that read them as that account was ended: {why}",
        hint="look for pipes, locks and very large files in data, keys, log, run and tmp of the instance",
    )
    return Failure(Exit.NEEDS_PERSON, problem)
