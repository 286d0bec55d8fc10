"""Checks that the host offers what the service needs: /proc, limits, memory. Changes nothing."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem


@dataclass(frozen=True)
class Appetite:
    """The resources that a small instance of a service needs."""

    #: Open files that one of its processes needs.
    open_files: int
    #: Processes and threads of the account.
    tasks: int
    #: Bytes of memory with which it runs well, and what to do if there is less.
    memory: int
    relief: str


def check(appetite: Appetite, *, limits: bool) -> Iterator[Problem]:
    """Problems of the host. `limits`: whether daemons inherit this process's limits."""
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
    """Warns of a shortage that may still be enough."""
    memory = total_memory()
    if memory is not None and memory < appetite.memory:
        yield Problem(
            f"this host has little memory: {memory >> 20} MiB",
            why=f"the service needs {appetite.memory >> 20} MiB or more to run well",
            hint=f"if processes are killed, {appetite.relief}",
        )


def total_memory(path: str = "/proc/meminfo") -> int | None:
    """Bytes of the host's memory; None if unknown."""
    try:
        with open(path, encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file)
        return int(facts["MemTotal"].split()[0]) << 10
    except (OSError, ValueError, KeyError):
        return None
