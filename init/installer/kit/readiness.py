"""Whether a service answers, and what its daemon's logs say where it does not."""

from __future__ import annotations

import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from ..host import processes
from ..state import files
from ..state.files import tail
from .http_client import MUTE

#: Why something does not answer yet, asked for so many seconds at most; empty if it does.
Probe = Callable[[float], str]

#: What a probe says begins so if there is an answer, but another than it should be; with MUTE if nothing whole came.
ANSWERS = "it answers"
#: A start is given up when the daemons do nothing for so many seconds, or after LONGEST_START: on a slow machine
#: the import of an application alone can take a minute.
IDLE_SECONDS = 60
LONGEST_START = 900
#: The same where there is an answer, though not the right one: what is missing does not come by waiting.
REFUSING_SECONDS = 10
#: The same where nothing whole comes in time.
MUTE_SECONDS = 20
#: Seconds in which a service that runs gives its answer.
PATIENCE = 10


@dataclass(frozen=True)
class Logs:
    """The two logs of a daemon, relative to the instance. They may be one file."""

    #: Why it does not start.
    starting: str
    #: Why it does not serve.
    serving: str
    #: What the second says at every start, and how a fault stands in it.
    mark: str = ""
    fault: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Awaited:
    """Something that answers when a service works."""

    #: A URL, an address or a path.
    where: str
    #: The daemon that answers there.
    daemon: str
    logs: Logs
    probe: Probe


def of_socket(site: Site, path: str) -> Probe:
    """Whether somebody listens on a socket of the instance."""
    return lambda seconds: site.account.run(_connect, site.instance.path(path), seconds)


def _connect(path: str, seconds: float) -> str:
    """The path of a socket must fit into 108 bytes, an instance's need not: it is reached through its directory."""
    try:
        directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return str(error.strerror)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(seconds)
            client.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    except OSError as error:
        return str(error.strerror or error)
    finally:
        os.close(directory)
    return ""


def of_file(site: Site, path: str) -> Probe:
    """Whether the daemon has made a file of the instance."""
    return lambda _seconds: "" if files.exists(site.instance.path(path)) else "the file is not there"


def wait_ready(site: Site, awaited: Sequence[Awaited]) -> None:
    """Returns when all of them answer. Raises NEEDS_PERSON with the logs' last lines if one does not."""
    patience = {
        start: processes.Patience(idle, LONGEST_START)
        for start, idle in (("", IDLE_SECONDS), (ANSWERS, REFUSING_SECONDS), (MUTE, MUTE_SECONDS))
    }
    for one in awaited:
        while True:
            why = one.probe(PATIENCE)
            if not why:
                break
            found = [process for process in processes.find_processes(site.instance.run) if process.daemon == one.daemon]
            over = [each.is_over(found) and why.startswith(start) for start, each in patience.items()]
            if not found or why == f"{ANSWERS} 500" or any(over):
                raise _not_ready(site, one, why if found else f"{one.daemon} ended")
            time.sleep(0.05)


def check_serving(site: Site, awaited: Sequence[Awaited]) -> list[Problem]:
    """What does not answer, of a service whose daemons run."""
    answers = [(one, one.probe(PATIENCE)) for one in awaited]
    return [
        Problem(
            "the service does not answer",
            where=one.where,
            why=why,
            details=first_fault(site, one.logs),
            hint=f"remove the cause, then run {site.command_line('restart')}",
        )
        for one, why in answers
        if why
    ]


def _not_ready(site: Site, one: Awaited, why: str) -> Failure:
    last = dict.fromkeys([*first_fault(site, one.logs), *_tail(site, one.logs.starting, 3)])
    return Failure(
        Exit.NEEDS_PERSON,
        Problem(
            "the service does not answer",
            where=site.instance.log,
            why=why,
            details=list(last),
            hint="remove the cause and run the command again",
        ),
    )


def first_fault(site: Site, logs: Logs) -> list[str]:
    """The first fault since the daemon started last: those that follow are of attempts to go on."""
    lines = _tail(site, logs.serving, 1000)
    starts = [index for index, line in enumerate(lines) if logs.mark and logs.mark in line]
    recent = lines[starts[-1] :] if starts else lines
    faults = (match[1] for match in map(logs.fault.search, recent) if match) if logs.fault else iter(())
    return [fault[:400] for fault in itertools.islice(faults, 1)] or recent[-3:]


def _tail(site: Site, log: str, lines: int) -> list[str]:
    return site.account.run(tail, site.instance.path(log), lines)
