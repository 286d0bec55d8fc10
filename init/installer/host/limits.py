"""What a host has to offer so that the service can run: proc, limits, memory. They are only looked at."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem


@dataclass(frozen=True)
class Appetite:
    """What a small instance of a service asks of its host."""

    #: Open files that one of its processes needs.
    open_files: int
    #: Processes and threads of the account.
    tasks: int
    #: Bytes of memory with which it is at ease, and what to do where there is less.
    memory: int
    relief: str


def check(appetite: Appetite, *, limits: bool) -> Iterator[Problem]:
    """What is wrong with the host. `limits`: whether daemons inherit those of this process."""
    if not os.path.exists("/proc/self/stat"):
        yield Problem(
            "/proc is not mounted", why="the service's processes are found in it", hint="mount -t proc proc /proc"
        )
    if limits:
        yield from _check_limits(appetite)


def _check_limits(appetite: Appetite) -> Iterator[Problem]:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    tasks, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = ((files, "open files", "-Hn", appetite.open_files), (tasks, "processes", "-Su", appetite.tasks))
    for allowed, name, option, needed in wanted:
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            yield Problem(
                f"too few {name} are allowed",
                why=f"{allowed}; the service may need {needed}",
                hint=f"ulimit {option} {needed}, as root if necessary; then run bootstrap from the same shell",
            )


def warn(appetite: Appetite) -> Iterator[Problem]:
    """What is unusual, but may do."""
    memory = total_memory()
    if memory is not None and memory < appetite.memory:
        yield Problem(
            f"this host has little memory: {memory >> 20} MiB",
            why=f"the service needs {appetite.memory >> 20} MiB or more to run well",
            hint=f"if processes are killed, {appetite.relief}",
        )


def total_memory(path: str = "/proc/meminfo") -> int | None:
    """Bytes of memory of the host; None if it does not say."""
    try:
        with open(path, encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file)
        return int(facts["MemTotal"].split()[0]) << 10
    except (OSError, ValueError, KeyError):
        return None
