"""What a host has to offer so that the service can run: proc, limits, memory. They are only looked at."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

from ..errors import Problem

#: Open files that memcached raises its own limit to: one for each connection that it may have.
OPEN_FILES = 1024
#: Processes and threads of the account: 512 threads of one child of httpd, those of memcached, the processes of
#: Keystone's; twice that under load and in a graceful restart.
TASKS = 1024
#: Bytes of memory that a small service takes.
MEMORY = 512 << 20


def check(*, limits: bool) -> Iterator[Problem]:
    """What is wrong with the host. `limits`: whether daemons inherit those of this process."""
    if not os.path.exists("/proc/self/stat"):
        yield Problem(
            "/proc is not mounted", why="the service's processes are found there", hint="mount -t proc proc /proc"
        )
    if limits:
        yield from _check_limits()


def _check_limits() -> Iterator[Problem]:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    tasks, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = ((files, "open files", "-Hn", OPEN_FILES), (tasks, "processes", "-Su", TASKS))
    for allowed, name, option, needed in wanted:
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            yield Problem(
                f"too few {name} are allowed",
                why=f"{allowed}; the service may need {needed}",
                hint=f"ulimit {option} {needed}, where needed by root; then run bootstrap from the same shell",
            )


def warn() -> Iterator[Problem]:
    """What is unusual, but may do."""
    memory = total_memory()
    if memory is not None and memory < MEMORY:
        yield Problem(
            f"this host has little memory: {memory >> 20} MiB",
            why=f"Keystone is at ease with {MEMORY >> 20} MiB and more",
            hint="if processes are killed, run again with --processes 1",
        )


def total_memory(path: str = "/proc/meminfo") -> int | None:
    """Bytes of memory of the host; None if it does not say."""
    try:
        with open(path, encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file)
        return int(facts["MemTotal"].split()[0]) << 10
    except (OSError, ValueError, KeyError):
        return None
