"""Whether a service answers, and if not, what its daemon's logs say."""

from __future__ import annotations

import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..bundle.api import Site
from ..errors import Problem, Silent
from ..host import processes, space
from ..state import files
from ..state.files import tail
from .answer import MUTE

#: Why something does not answer yet, tried for this many seconds at most; empty if it does.
Probe = Callable[[float], str]

#: The prefix of a probe's result for a wrong answer; that for an incomplete one is MUTE.
ANSWERS = "it answers"
#: A start is given up when the daemons do nothing for this many seconds, or after LONGEST_START: on a slow machine,
#: importing an application alone can take a minute.
IDLE_SECONDS = 60
LONGEST_START = 900
#: The same if the answer is wrong: waiting rarely corrects it.
REFUSING_SECONDS = 10
#: The same if no complete answer comes.
MUTE_SECONDS = 20
#: The same, in all, on a disk without room: a daemon may restart itself for as long as there is none.
FULL_SECONDS = 60
#: Seconds in which a running service must answer.
PATIENCE = 10


@dataclass(frozen=True)
class Logs:
    """The two logs of a daemon, relative to the instance. They may be one file."""

    #: Why it does not start.
    starting: str
    #: Why it does not serve.
    serving: str
    #: The line that `serving` has for every start, and the pattern of a fault in it.
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
    """Probes whether a process listens on a socket of the instance."""
    return lambda seconds: site.account.run(_connect, site.instance.path(path), seconds)


def _connect(path: str, seconds: float) -> str:
    """Connects through the socket's directory: a socket's path must fit into 108 bytes, an instance's may be longer."""
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
    """Probes whether the daemon has created a file of the instance."""
    return lambda _seconds: "" if files.exists(site.instance.path(path)) else "the file is not there"


def wait_ready(site: Site, awaited: Sequence[Awaited]) -> None:
    """Returns when all of them answer. Raises NEEDS_PERSON with the logs' last lines if one does not."""
    patience = {
        start: processes.Patience(idle, LONGEST_START)
        for start, idle in (("", IDLE_SECONDS), (ANSWERS, REFUSING_SECONDS), (MUTE, MUTE_SECONDS))
    }
    without_room = processes.Patience(FULL_SECONDS, FULL_SECONDS)
    for one in awaited:
        while True:
            why = one.probe(PATIENCE)
            if not why:
                break
            found = processes.of_daemon(processes.find_processes(site.instance.run), one.daemon)
            over = [each.is_over(found) and why.startswith(start) for start, each in patience.items()]
            over.append(without_room.is_over(found) and any(space.check(space.volumes(site.instance))))
            if not found or why == f"{ANSWERS} 500" or any(over):
                raise _not_ready(site, one, why if found else f"{one.daemon} ended")
            time.sleep(0.05)


def check_serving(site: Site, awaited: Sequence[Awaited]) -> list[Problem]:
    """Problems with a service whose daemons run but do not answer."""
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


def _not_ready(site: Site, one: Awaited, why: str) -> Silent:
    last = dict.fromkeys([*first_fault(site, one.logs), *_tail(site, one.logs.starting, 3)])
    return Silent(
        one.daemon,
        Problem(
            "the service does not answer",
            where=site.instance.log,
            why=why,
            details=list(last),
            hint="remove the cause and run the command again",
        ),
    )


def first_fault(site: Site, logs: Logs) -> list[str]:
    """The first fault since the daemon's last start: later ones only follow from it."""
    lines = _tail(site, logs.serving, 1000)
    starts = [index for index, line in enumerate(lines) if logs.mark and logs.mark in line]
    recent = lines[starts[-1] :] if starts else lines
    faults = (match[1] for match in map(logs.fault.search, recent) if match) if logs.fault else iter(())
    return [fault[:400] for fault in itertools.islice(faults, 1)] or recent[-3:]


def _tail(site: Site, log: str, lines: int) -> list[str]:
    return site.account.run(tail, site.instance.path(log), lines)
