"""SQLite databases: one file each, copied by SQLite itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...bundle.api import Site
from ...bundle.store import Size
from ...errors import Exit, Failure, Problem
from ...host.processes import read_process
from ...state import files
from ...state.archive import Source
from ...state.fingerprint import fingerprint
from . import copies

if TYPE_CHECKING:
    import sqlite3

#: Suffixes of files beside a database; see https://www.sqlite.org/tempfiles.html.
SIDECARS = ("-journal", "-wal", "-shm")
#: First bytes of every SQLite database; see https://www.sqlite.org/fileformat.html.
_MAGIC = b"SQLite format 3\0"
#: The byte that a writer locks during its transaction; see os.h of SQLite.
_RESERVED = 0x40000001
#: `struct flock` of fcntl(2) on 64-bit systems: type, whence, start, length, process.
_FLOCK = "hhqqi4x"
#: Seconds that one writer may block the others: transactions of a service take milliseconds.
PATIENCE = 3.0
#: Seconds that a copy waits for a writer: less than the installer waits for a sign of life; see deputy.py.
COPY_PATIENCE = 10.0
_FILE = ("", *SIDECARS)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Sqlite:
    """The store of one database; see `Store`. `path` is relative to the instance.

    SQLite makes the copies as the service's account: writers wait while the file is read, and the transaction of a
    killed writer is rolled back.
    """

    site: Site
    path: str

    @property
    def paths(self) -> Sequence[str]:
        # The last is where interrupted upgrades of former releases left their copy.
        places = (self.path, copies.place_of(self.path), f"{self.path}.upgrading")
        return [path + ending for path in places for ending in _FILE]

    @property
    def bulky(self) -> bool:
        return False

    @property
    def shared(self) -> bool:
        return False

    @property
    def outdated(self) -> bool:
        return False

    @property
    def upgrading(self) -> str:
        """Absolute path of the copy that an upgrade works on."""
        return self.site.instance.path(copies.place_of(self.path))

    @property
    def _file(self) -> str:
        return self.site.instance.path(self.path)

    def size(self) -> Size:
        found = files.status(self._file)
        length = 0 if found is None else found.st_size
        return Size(content=length, dump=length, copy=length)

    def check(self) -> list[Problem]:
        return list(_check(self.site, self._file))

    def dump(self, target: str) -> Sequence[Source]:
        if not files.exists(self._file):
            raise copies.missing(self.site, self.path)
        copy = os.path.join(target, os.path.basename(self.path))
        self._work(_copy, self._file, copy)
        with files.opened(copy) as file:
            return [Source(self.path, os.fstat(file.fileno()).st_mode & 0o777, file=copy)]

    def load(self, source: str, names: Collection[str]) -> None:
        if self.path in names:
            self._replace(os.path.join(source, self.path))

    def copy(self) -> None:
        if not files.exists(self._file):
            raise copies.missing(self.site, self.path)
        self._work(_copy, self._file, copies.make_room(self.site, self.path))

    def query(self, statement: str, *parameters: object) -> Sequence[Sequence[Any]] | None:
        """The rows that a statement finds: numbers and texts that the account may have made up. None if the database
        cannot be queried now."""
        return self._work(_query, self._file, statement, parameters)

    def begin_copy(self) -> str:
        """Removes remains of a copy. Returns the absolute path for another one."""
        self.discard()
        return copies.make_room(self.site, self.path)

    def fingerprint(self) -> str:
        self._work(_settle, self.upgrading)
        return fingerprint(self.upgrading)

    def adopt(self) -> None:
        if files.is_taken(self.upgrading):
            self._replace(self.upgrading)
        self.discard()

    def discard(self) -> None:
        copies.discard(self.site, self.path, _FILE)

    def _replace(self, new: str) -> None:
        """Replaces the database and removes its sidecars, which would damage another."""
        for ending in SIDECARS:
            files.remove(self._file + ending)
        files.move(new, self._file)
        files.sync_directory(os.path.dirname(self._file))

    def _work(self, function: Callable[..., Value], *arguments: object) -> Value:
        # Imported here, as the account may be unable to read the module.
        import sqlite3  # noqa: F401

        return self.site.account.run(function, *arguments)


def _copy(source: str, target: str) -> None:
    """Makes `target` a consistent copy of a database in use, with its rights. Runs as the service's account."""
    with files.opened(source) as file:
        status = os.fstat(file.fileno())
        files.check_plain(source, status, linked_by=os.geteuid())
        rights = status.st_mode & 0o777 | 0o600
    for ending in _FILE:
        files.remove(target + ending)
    # SQLite gives sidecars the mode of their database.
    new = os.open(target, files.NEW)
    os.fchmod(new, rights)
    os.close(new)
    deadline = time.monotonic() + COPY_PATIENCE

    def watch(status: int, _left: int, _all: int) -> None:
        # The primary codes 5 and 6 are SQLITE_BUSY and SQLITE_LOCKED.
        if status & 0xFF in (5, 6) and time.monotonic() > deadline:
            raise TimeoutError

    with _explaining(source), _connected(source) as one, _connected(target) as other:
        # Short sleeps, so that it gets a turn between busy writers.
        one.backup(other, progress=watch, sleep=0.005)
    _sync(target)


def _query(database: str, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]] | None:
    """Runs as the service's account."""
    import sqlite3

    try:
        with _connected(database, patience=PATIENCE) as connection:
            return [list(row) for row in connection.execute(statement, parameters)]
    except sqlite3.Error:
        return None


def _settle(database: str) -> None:
    """Writes the sidecars back into the database. Runs as the service's account."""
    with _explaining(database), _connected(database, patience=COPY_PATIENCE) as connection:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise TimeoutError
    _sync(database)


@contextlib.contextmanager
def _connected(database: str, patience: float = 0) -> Iterator[sqlite3.Connection]:
    import sqlite3

    address = f"file:{urllib.parse.quote(database)}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=patience)) as connection:
        yield connection


@contextlib.contextmanager
def _explaining(database: str) -> Iterator[None]:
    import sqlite3

    try:
        yield
    except (sqlite3.Error, TimeoutError) as error:
        hint = "remove the cause and run the command again: it starts over"
        why = str(error) or f"another program has kept it locked for {COPY_PATIENCE:.0f} s"
        problem = Problem("the database could not be copied", where=database, why=why, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, problem) from error


def _sync(path: str) -> None:
    with files.opened(path) as file:
        os.fsync(file.fileno())
    files.sync_directory(os.path.dirname(path))


def _check(site: Site, where: str) -> Iterator[Problem]:
    """Checks the database without opening it in SQLite: that would roll back a killed writer's transaction as the
    installer's user, and could leave files that the service cannot use."""
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
        yield Problem("the service cannot write its database", where=where, why="it belongs to another user", hint=hint)
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
    """The process that has held the write lock for all of PATIENCE; None if there is none."""
    first = _writer(descriptor)
    deadline = time.monotonic() + PATIENCE
    while first is not None and time.monotonic() < deadline:
        time.sleep(0.05)
        if _writer(descriptor) != first:
            return None
    return first


def _writer(descriptor: int) -> int | None:
    """The process in a write transaction: 0 if it is in another pid namespace, None if there is none."""
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _RESERVED, 1, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    return None if kind == fcntl.F_UNLCK else int(pid)


def _describe(pid: int) -> str:
    process = read_process(pid) if pid else None
    return f"{process.name} (process {pid})" if process else "a process that cannot be seen from here"
