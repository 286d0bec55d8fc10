"""Programs that do something to an instance's data and end: run as the service's account, and watched."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from ..bundle.api import Site
from ..bundle.store import DATA
from ..errors import Exit, Failure, Problem
from ..host.account import service_environment
from ..host.deputy import Progress

#: Seconds without progress after which a program is ended: root waits for nothing that the account may have made.
PATIENCE = 60.0
_LONGEST_OUTPUT = 1 << 20
_PR_SET_PDEATHSIG = 1


class CommandError(Exception):
    """The program did not do what it should: why, and the last lines that it printed."""

    def __init__(self, why: str, output: bytes) -> None:
        super().__init__(why)
        self.why = why
        self.details = last_lines(output)


def failed(site: Site, what: str, why: str, details: Sequence[str]) -> Failure:
    """What a run ends with where a program did not do its work on the data: the next run has it start over."""
    hint = "remove the cause and run the command again: it starts over"
    return Failure(
        Exit.NEEDS_PERSON, Problem(what, where=site.instance.path(DATA), why=why, details=details, hint=hint)
    )


def last_lines(output: bytes) -> list[str]:
    return output.decode("utf-8", "replace").splitlines()[-8:]


def run(site: Site, argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Returns when the program has ended well; raises CommandError if it does not. It ends with the installer, so that
    a run that is killed leaves no second writer behind."""
    own = dict(service_environment(site.release, site.instance.temporary))
    try:
        child = subprocess.Popen(
            argv,
            cwd="/",
            env={**own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            umask=0o027,
            preexec_fn=_bound(site.account.confine(), site.instance.temporary),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f"it cannot be run: {error}", b"") from error
    if child.stdout is None:
        raise AssertionError("Popen was asked for a pipe")
    try:
        output = listen(child.pid, child.stdout, PATIENCE)
        if child.wait() != 0:
            raise CommandError(f"{os.path.basename(argv[0])} ended with {child.returncode}", output)
    finally:
        child.kill()
        child.wait()


def listen(pid: int, stdout: IO[bytes], patience: float) -> bytes:
    """What a process prints until it ends. Raises CommandError if it does nothing for so many seconds."""
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


def _bound(confine: Callable[[], None], place: str) -> Callable[[], None]:
    """For the child: the account and its rights, its place, and an end with the installer. A process that becomes
    somebody else loses the latter, so it comes last."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        confine()
        os.chdir(place)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
