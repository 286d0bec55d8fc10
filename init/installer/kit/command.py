"""Runs short-lived programs on an instance as the service's account, and watches them."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import IO

from ..bundle.api import Site
from ..bundle.store import DATA
from ..errors import Exit, Failure, Problem
from ..host import processes
from ..host.account import service_environment
from ..host.deputy import Progress

#: Seconds without progress after which a program is killed: the account may have made a file that blocks it.
PATIENCE = 60.0
_LONGEST_OUTPUT = 1 << 20
_PR_SET_PDEATHSIG = 1


class CommandError(Exception):
    """The program failed: why, and the last lines that it printed."""

    def __init__(self, why: str, output: bytes) -> None:
        super().__init__(why)
        self.why = why
        self.details = last_lines(output)


def failed(site: Site, what: str, why: str, details: Sequence[str]) -> Failure:
    """The failure of a run whose program failed on the data: the next run starts it over."""
    hint = "remove the cause and run the command again: it starts over"
    return Failure(
        Exit.NEEDS_PERSON, Problem(what, where=site.instance.path(DATA), why=why, details=details, hint=hint)
    )


def last_lines(output: bytes) -> list[str]:
    return output.decode("utf-8", "replace").splitlines()[-8:]


class Child:
    """A running program."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("Popen was asked for pipes")
        self._process, self._name = process, name
        self._stdin, self._stdout = process.stdin, process.stdout

    def tell(self, text: bytes) -> None:
        # If it has ended already, its exit status says more.
        with suppress(BrokenPipeError):
            self._stdin.write(text)

    def close(self) -> None:
        """Ends its input."""
        self._stdin.close()

    def finish(self, patience: float) -> bytes:
        """Returns its output when it ends. Raises CommandError if it fails, or makes no progress for `patience`
        seconds."""
        output = listen(self._process.pid, self._stdout, patience)
        if self._process.wait() != 0:
            raise CommandError(f"{self._name} ended with {self._process.returncode}", output)
        return output


def run(
    site: Site,
    argv: Sequence[str],
    environment: Mapping[str, str] = MappingProxyType({}),
    *,
    told: bytes = b"",
    place: str = "",
    patience: float | None = None,
) -> bytes:
    """Runs the program with `told` as its input and returns its output; raises CommandError if it fails. See
    `started`."""
    with started(site, argv, environment, place=place) as child:
        child.tell(told)
        child.close()
        return child.finish(PATIENCE if patience is None else patience)


@contextmanager
def started(
    site: Site, argv: Sequence[str], environment: Mapping[str, str] = MappingProxyType({}), *, place: str = ""
) -> Iterator[Child]:
    """Starts a program as the service's account in `place`, by default the instance's temporary directory, with
    `environment` added to that of every daemon. It is killed when the block or the installer ends, so that a killed run
    leaves no second writer. Raises CommandError if it cannot be run."""
    place = place or site.instance.temporary
    try:
        process = subprocess.Popen(
            argv,
            cwd="/",
            env={**service_environment(site.release, site.instance.temporary), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            umask=0o027,
            preexec_fn=_bound(processes.entering(site.account.confine(), place)),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f"it cannot be run: {error}", b"") from error
    try:
        yield Child(process, os.path.basename(argv[0]))
    finally:
        process.kill()
        process.wait()


def listen(pid: int, stdout: IO[bytes], patience: float) -> bytes:
    """Returns a process's output when it ends. Raises CommandError if it makes no progress for `patience` seconds."""
    output, progress = bytearray(), Progress(pid, patience)
    while True:
        if select.select([stdout], [], [], 0.5)[0]:
            piece = os.read(stdout.fileno(), 1 << 16)
            if not piece:
                return bytes(output)
            output += piece
            del output[:-_LONGEST_OUTPUT]
        elif progress.is_stuck():
            raise CommandError(f"it did nothing for {patience:.0f} s", bytes(output))


def _bound(enter: Callable[[], None]) -> Callable[[], None]:
    """Prepares the child: its account, rights and place, then its death with the installer. That comes last, since a
    change of user resets it."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        enter()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
