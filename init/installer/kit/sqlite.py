"""What is wrong with a database of SQLite's, told without opening it: that would roll a killed writer's transaction
back, as whoever runs the installer, and maybe leave files that the service cannot use.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..bundle.api import Site
from ..errors import Problem
from ..host.processes import read_process
from ..state import files

#: What is kept beside a database; see https://www.sqlite.org/tempfiles.html.
SIDECARS = ("-journal", "-wal", "-shm")
#: First bytes of every SQLite database; see https://www.sqlite.org/fileformat.html.
_MAGIC = b"SQLite format 3\0"
#: The byte that a writer locks from the beginning of its transaction to its end; see os.h of SQLite.
_RESERVED = 0x40000001
#: `struct flock` of fcntl(2) on 64-bit systems: type, whence, start, length, process.
_FLOCK = "hhqqi4x"
#: Seconds that one writer may keep the others waiting: transactions of a service take milliseconds.
PATIENCE = 3.0


def check(site: Site, database: str) -> Iterator[Problem]:
    """What keeps the service from using the database, a path relative to the instance."""
    where = site.instance.path(database)
    restore = f"restore a backup: {site.command_line('restore', 'FILE')}"
    try:
        facts = site.account.run(_look, where)
    except FileNotFoundError:
        yield Problem("the database is missing", where=where, hint=restore)
        return
    except OSError as error:
        yield Problem("the database cannot be read", where=where, why=error.strerror or "", hint=restore)
        return
    if not facts["sound"]:
        why = "it is empty" if facts["size"] == 0 else "its first bytes are not those of an SQLite database"
        yield Problem("the database is damaged", where=where, why=why, hint=restore)
    if facts["uid"] != site.account.uid:
        hint = f"chown {site.account.name} {where}"
        yield Problem("the service cannot write its database", where=where, why="it is another user's", hint=hint)
    elif facts["mode"] & 0o600 != 0o600:
        why = f"mode {facts['mode']:04o}"
        yield Problem("the service cannot write its database", where=where, why=why, hint=f"chmod u+rw {where}")
    holder = facts["holder"]
    if holder is not None:
        yield Problem(
            "the database is locked",
            where=where,
            why=f"{_describe(holder)} has kept all other writers waiting for {PATIENCE:.0f} s",
            hint="end it, if it does not end by itself",
        )


def _look(path: str) -> Mapping[str, Any]:
    """Facts of the database's file. Runs as the service's account."""
    with files.opened(path) as file:
        status, head = os.fstat(file.fileno()), file.read(len(_MAGIC))
        return {
            "sound": head == _MAGIC,
            "size": status.st_size,
            "uid": status.st_uid,
            "mode": status.st_mode & 0o7777,
            "holder": _stuck_writer(file.fileno()),
        }


def _stuck_writer(descriptor: int) -> int | None:
    """The process that writes all the time for as long as nobody should; None if there is none."""
    first = _writer(descriptor)
    deadline = time.monotonic() + PATIENCE
    while first is not None and time.monotonic() < deadline:
        time.sleep(0.05)
        if _writer(descriptor) != first:
            return None
    return first


def _writer(descriptor: int) -> int | None:
    """The process that is in a transaction that writes. One of another process name space has no number here: 0."""
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _RESERVED, 1, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    return None if kind == fcntl.F_UNLCK else int(pid)


def _describe(pid: int) -> str:
    process = read_process(pid) if pid else None
    return f"{process.name} (process {pid})" if process else "a process that cannot be seen from here"
