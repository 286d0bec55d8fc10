"""A PostgreSQL server that belongs to the instance, and the store of its databases.

Its data is in `data/postgresql`, its socket in `run/postgresql`, which only the service's account may enter. By `peer`,
that account may be any role of the server; nobody else can connect. Each service that needs one has a database and a
role of the same name; `postgres` is the superuser.

Data that replaces other data, a backup's or an upgrade's, is made by a second server, in `data/postgresql.new`. It is
filled from dumps, so the two servers may be of different versions.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ...bundle.api import RenderedFile, Site
from ...bundle.render import fill
from ...bundle.store import Size
from ...errors import Exit, Failure, Problem
from ...host import processes
from ...host.account import service_environment
from ...host.processes import Daemon, Patience, Process
from ...state import files, trees
from ...state.archive import Source
from ...state.release import Release, compare_versions
from .. import command
from ..readiness import ANSWERS
from . import copies

NAME = "postgresql"
#: The server that makes new data. It runs beside the other, and ends before its data replaces the other's.
NEW = f"{NAME}.new"
DATA = f"data/{NAME}"
SOCKETS = f"run/{NAME}"
#: The configuration files that the server reads when it starts.
SETTINGS = {"config_file": "etc/postgresql.conf", "hba_file": "etc/pg_hba.conf", "ident_file": "etc/pg_ident.conf"}
#: In their place for new data, whose server may be of another version than the one that `etc` was rendered for; it
#: reads the postgresql.conf that initdb made.
_PLAIN = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_wal_size": "16MB",
    "dynamic_shared_memory_type": "mmap",
}
#: Fast shutdown: on SIGTERM it would wait for clients.
ENDING = signal.SIGINT
_ADMIN = "postgres"
#: Between two columns of a row.
_SEPARATOR = "\x1f"
#: Lists the databases that were made: a database lost later is reported, not recreated.
MARK = f"keys/{NAME}.databases"
#: Where the former data is while new data takes its place.
_FORMER = f"{DATA}.former"
#: All places of data, whether the server is in use or not.
PLACES = (DATA, f"data/{NEW}", _FORMER)
#: About the limit of the log of new data, in bytes: see `max_wal_size`.
_LOG = 16 << 20
#: Limits in bytes, and of processes: each of 100 connections is a process of about 10 MB, twice that while it sorts.
_MEMORY, _TASKS = 2 << 30, 256
#: Seconds without progress after which a start is given up, and the limit in all.
_IDLE, _LONGEST = 60.0, 900.0


def version_of(release: Release) -> str | None:
    """The major version of the release's server; None if it has none. initdb reads the same line, see
    `bootstrap_template1` in PostgreSQL's src/bin/initdb/initdb.c."""
    try:
        with files.opened(release.path("share", NAME, "postgres.bki")) as file:
            return file.readline(80).decode("ascii", "replace").removeprefix("# PostgreSQL ").strip()
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Server:
    site: Site
    #: NAME or NEW: its directory in `data`, that of its socket in `run`, and the daemon's name.
    name: str = NAME

    @property
    def new(self) -> Server:
        """The server that makes new data."""
        return Server(self.site, NEW)

    @property
    def _data(self) -> str:
        return self.site.instance.path("data", self.name)

    @property
    def _log(self) -> str:
        return self.site.instance.path("log", f"{self.name}.log")

    @property
    def version(self) -> str | None:
        """The major version of the data; None if there is none."""
        content = files.read(self.site.present(f"data/{self.name}/PG_VERSION"))
        # The service's account may have written anything there; Python refuses numbers of thousands of digits.
        return None if content is None else content[:16].decode("ascii", "replace").strip()

    @property
    def release(self) -> Release:
        """The release whose programs can use the data: this one, or the former one during an upgrade. Raises PREFLIGHT
        if neither can."""
        version = self.version
        for release in (self.site.release, self.site.former):
            if release is not None and version in (None, version_of(release)):
                return release
        raise Failure(Exit.PREFLIGHT, self._unusable(version or ""))

    def check_version(self) -> Iterator[Problem]:
        """Reports data of another version than this release's server, unless an upgrade from its release can copy
        it."""
        version, own = self.version, version_of(self.site.release) or ""
        if version in (None, own):
            return
        former = self.site.former
        if former is None or version_of(former) != version or compare_versions(version, own) > 0:
            yield self._unusable(version)

    def _unusable(self, version: str) -> Problem:
        own = version_of(self.site.release) or ""
        hint = f"use a release with PostgreSQL {version}"
        if compare_versions(version, own) < 0:
            upgrade = self.site.command_line("upgrade", "--from", "RELEASE")
            hint = f"run {upgrade}, with the release that has used it until now: it copies the data"
        why = f"it is of PostgreSQL {version}, and this release has PostgreSQL {own}"
        what = "this release's database server cannot use the data"
        return Problem(what, where=self.site.present(f"data/{self.name}"), why=why, hint=hint)

    def daemon(self, release: Release | None = None) -> Daemon:
        """The server of the release, by default this one's, whatever the data is."""
        instance, release = self.site.instance, release or self.site.release
        settings = {name: instance.path(path) for name, path in SETTINGS.items()}
        if self.name == NEW:
            del settings["config_file"]
            settings = {**settings, **_PLAIN, "unix_socket_directories": f"../../run/{NEW}"}
        locks = (f"run/{self.name}/.s.PGSQL.5432{ending}" for ending in ("", ".lock"))
        return Daemon(
            name=self.name,
            argv=[
                release.path("bin", "postgres"),
                *("-D", self._data),
                *(word for name, text in settings.items() for word in ("-c", f"{name}={text}")),
            ],
            log=self._log,
            files=list(SETTINGS.values()),
            # They name the pid of a killed server, which another process may have by now.
            leftovers=[instance.path(path) for path in (f"data/{self.name}/postmaster.pid", *locks)],
            memory=_MEMORY,
            tasks=_TASKS,
            ending=ENDING,
        )

    def files(self) -> list[RenderedFile]:
        """The configuration files of the daemon."""
        values = {"account": self.site.account.name}
        return [
            RenderedFile(
                path, fill(__file__, os.path.basename(path), values).encode(), 0o640, self.site.account.readable
            )
            for path in SETTINGS.values()
        ]

    def check_account(self) -> Iterator[Problem]:
        """Reports an account without a name, which the server needs. If root installs, the account was found by
        name."""
        account = self.site.account
        if account.switch:
            return
        try:
            pwd.getpwuid(account.uid)
        except KeyError:
            why = f"user {account.uid} has no entry in /etc/passwd, and PostgreSQL needs the name of its account"
            hint = "run bootstrap as a user who has one, or add an entry for this one"
            yield Problem("a database server cannot run as this user", why=why, hint=hint)

    def made(self) -> Sequence[str]:
        """The databases that were made."""
        content = files.read(self.site.instance.path(MARK))
        return [] if content is None else [str(name) for name in json.loads(content)]

    def remember(self, databases: Sequence[str]) -> None:
        """Adds these to the databases that were made."""
        names = sorted({*self.made(), *databases})
        self.site.account.run(_write, self.site.instance.path(MARK), names)

    @contextmanager
    def keeping(self, databases: Sequence[str]) -> Iterator[None]:
        """Creates missing ones of these databases and keeps the server running in the block."""
        if not self.made():
            self.make()
        with self.serving():
            for name in databases:
                self.create(name)
            yield

    def left(self) -> Sequence[str]:
        """Paths, relative to the instance, that are left of databases or of any server."""
        return [name for name in (DATA, MARK) if files.is_taken(self.site.instance.path(name))]

    def is_made(self) -> bool:
        return files.exists(os.path.join(self._data, "PG_VERSION"))

    def make(self) -> None:
        """Creates the server's data if there is none."""
        if not self.is_made():
            self.begin(self.site.release)
            self.adopt()

    def begin(self, release: Release) -> None:
        """Makes new data, without a database, with the programs of the release; replaces what was made before."""
        self.discard()
        locale = ("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        access = ("-U", _ADMIN, "--auth-local=peer", "--auth-host=reject")
        place = self.new._data
        self._run(release, "initdb", "-D", place, *access, *locale, "--wal-segsize=1", "--no-instructions")
        files.sync_directory(os.path.dirname(place))

    def adopt(self) -> None:
        """Replaces the data with the new data, if there is any. The server is down. After an interruption, the next
        call finishes it."""
        new, former = self.new, self.site.instance.path(_FORMER)
        if new.is_made():
            processes.stop(new._found(), seconds=_IDLE)
            if files.is_taken(self._data):
                trees.remove(former)
                files.rename(self._data, former)
            files.rename(new._data, self._data)
            files.sync_directory(os.path.dirname(self._data))
        self.discard()

    def discard(self) -> None:
        """Removes the new data, and all that its server left."""
        instance, new = self.site.instance, self.new
        processes.stop(new._found(), seconds=_IDLE)
        files.remove(new._log)
        for path in (new._data, instance.path(_FORMER), instance.path("run", NEW)):
            trees.remove(path, lenient=True)

    def create(self, database: str) -> None:
        """Creates a database and its role if they are missing. The server must be running."""
        self.ask("create", name=database)

    def ask(self, script: str, **values: str) -> None:
        """Runs one of the scripts in `sql/` with psql, as the superuser."""
        path = os.path.join(os.path.dirname(__file__), "sql", f"{script}.sql")
        options = ("-X", "-q", "-U", _ADMIN, "-d", _ADMIN, "-f", path)
        given = {"ON_ERROR_STOP": "1", **values}
        self.run("psql", *options, *(word for name, value in given.items() for word in ("-v", f"{name}={value}")))

    def query(self, database: str, statement: str) -> Sequence[Sequence[str]] | None:
        """The rows that a statement finds: texts that the account may have made up, without line breaks and U+001F.
        None if the database cannot be queried now."""
        options = ("-X", "-q", "-A", "-t", "-F", _SEPARATOR, "-U", database, "-d", database, "-c", statement)
        try:
            lines = self.run("psql", *options).decode("utf-8", "replace").split("\n")
        except Failure:
            return None
        return [line.split(_SEPARATOR) for line in lines if line]

    def run(self, program: str, *arguments: str) -> bytes:
        """Runs one of the server's programs as the service's account. It finds the socket relative to its working
        directory, the instance's `tmp`: a socket's path must fit into 108 bytes. Returns its output."""
        return self._run(self.release, program, *arguments)

    def _run(self, release: Release, program: str, *arguments: str) -> bytes:
        argv = [release.path("bin", program), *arguments]
        try:
            return command.run(self.site, argv, {"PGHOST": f"/proc/self/cwd/../run/{self.name}"})
        except command.CommandError as error:
            what = f"{program} failed on the databases"
            raise command.failed(self.site, what, error.why, error.details) from error

    def why_silent(self) -> str:
        """Why the server begins no session; empty if it does. One that has no room on its disk may accept connections,
        which is all that pg_isready asks for, and end each of them."""
        try:
            self.run("pg_isready", "-q", "-t", "5", "-d", _ADMIN)
        except Failure as failure:
            (problem,) = failure.problems
            return "it starts, or recovers" if problem.why.endswith("ended with 1") else "nothing answers at its socket"
        try:
            self.run("psql", "-X", "-q", "-U", _ADMIN, "-d", _ADMIN, "-c", "SELECT 1")
        except Failure as failure:
            return f"{ANSWERS}, but begins no session: {' '.join(failure.problems[0].details[-1:])}"
        return ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Keeps the server running in the block; stops it afterwards if it was not running before. Its data must
        exist."""
        started = self._start() if self.why_silent() else False
        try:
            yield
        finally:
            if started:
                processes.stop(self._found(), seconds=_IDLE)

    def _start(self) -> bool:
        """Starts the server if it does not run, and waits until it answers. Returns whether it was started. First waits
        for processes that a killed server left: they end by themselves, and the data must not be used before."""
        started, patience = False, Patience(_IDLE, _LONGEST)
        while self.why_silent():
            found = self._found()
            if not found and not started:
                self._spawn()
                started = True
            elif not found or patience.is_over(found):
                processes.stop(found)
                details = self.site.account.run(files.tail, self._log, 8)
                why = "it does nothing" if found else "it ended"
                raise command.failed(self.site, "the database server does not start", why, details)
        return started

    def _spawn(self) -> None:
        site, daemon = self.site, self.daemon(self.release)
        for path in daemon.leftovers:
            files.remove(path)
        # A restore, or a change to this server, makes them only later.
        files.ensure_directory(os.path.join(site.instance.run, self.name), 0o700, site.account.owner)
        for file in self.files():
            path = site.instance.path(file.path)
            if not files.exists(path):
                files.write_atomically(path, file.content, file.mode, file.owner)
        environment = service_environment(site.release, site.instance.temporary)
        child = processes.spawn(daemon, site.instance.run, site.account, environment)
        processes.wait_until(lambda: bool(self._found()) or child.poll() is not None, _IDLE)
        # Popen would warn that it still runs.
        child.returncode = 0

    def _found(self) -> list[Process]:
        run = self.site.instance.run
        return processes.of_daemon(processes.find_processes(run, endings={self.name: ENDING}), self.name)


@dataclass(frozen=True)
class Postgresql:
    """The store of all databases of the server; see `Store`. A backup holds a pg_dump of each.

    A dump is restored with the rights of the database's role: even a forged one cannot reach beyond that.
    """

    site: Site
    databases: Sequence[str]

    @property
    def paths(self) -> Sequence[str]:
        return PLACES

    @property
    def bulky(self) -> bool:
        return False

    @property
    def shared(self) -> bool:
        return False

    @property
    def outdated(self) -> bool:
        return self._server.version not in (None, version_of(self.site.release))

    @property
    def _server(self) -> Server:
        return Server(self.site)

    def size(self) -> Size:
        place = self.site.instance.path(DATA, "base")
        content = sum(found.status.st_size for found in trees.below(place) if found.is_file)
        return Size(content=content, dump=content, copy=2 * content + _LOG)

    def check(self) -> list[Problem]:
        where, restore = self.site.instance.path(DATA), self.site.command_line("restore", "FILE")
        try:
            facts = self.site.account.run(_look, where)
        except OSError as error:
            why = error.strerror or ""
            return [Problem("the databases cannot be used", where=where, why=why, hint=f"restore a backup: {restore}")]
        if not facts or (facts["uid"] == self.site.account.uid and facts["mode"] & 0o027 == 0):
            return []
        why = f"its mode is {facts['mode']:04o}, and it belongs to user {facts['uid']}"
        hint = f"chown -R {self.site.account.name} {where}; chmod 0700 {where}"
        return [Problem("the database server refuses its data", where=where, why=why, hint=hint)]

    def dump(self, target: str) -> Sequence[Source]:
        with self._serving_data():
            return [
                Source(f"{DATA}/{name}.dump", 0o600, file=self._dump(name, os.path.join(target, f"{name}.dump")))
                for name in self.databases
            ]

    def _dump(self, name: str, file: str) -> str:
        self._server.run("pg_dump", "-Fc", "-U", name, "-d", name, "-f", file)
        return file

    def load(self, source: str, names: Collection[str]) -> None:
        found = {name: f"{DATA}/{name}.dump" for name in self.databases}
        dumps = {name: os.path.join(source, path) for name, path in found.items() if path in names}
        if dumps or not self._server.is_made():
            self._fill(self.site.former or self.site.release, dumps)
            self._server.adopt()

    def copy(self) -> None:
        with self._serving_data():
            dumps = {name: self._dump(name, self._temporary(name)) for name in self.databases}
        self._fill(self.site.release, dumps)

    def _fill(self, release: Release, dumps: Mapping[str, str]) -> None:
        """Makes new data with these databases; removes the dumps."""
        self._server.begin(release)
        with self._server.new.serving():
            for name, dump in dumps.items():
                server, file = self._server.new, self._temporary(name)
                files.move(dump, file)
                server.create(name)
                server.run("pg_restore", "-1", "--exit-on-error", "--no-owner", "-U", name, "-d", name, file)
                files.remove(file)

    def fingerprint(self) -> str:
        with self._server.new.serving():
            return " ".join(self._fingerprint(name) for name in self.databases)

    def _fingerprint(self, name: str) -> str:
        file = self._temporary(name)
        self._server.new.run("pg_dump", "--restrict-key=0", "-U", name, "-d", name, "-f", file)
        try:
            return self.site.account.run(files.digest_file, file)
        finally:
            files.remove(file)

    def adopt(self) -> None:
        self._server.adopt()

    def discard(self) -> None:
        with suppress(Failure, OSError):
            self._server.discard()

    @contextmanager
    def _serving_data(self) -> Iterator[None]:
        if not self._server.is_made():
            raise copies.missing(self.site, DATA)
        with self._server.serving():
            yield

    def _temporary(self, name: str) -> str:
        return self.site.instance.path("tmp", f"{NAME}.{name}")


def _write(path: str, names: Sequence[str]) -> None:
    """Runs as the service's account."""
    files.write_atomically(path, f"{json.dumps(names)}\n".encode(), 0o600)


def _look(path: str) -> Mapping[str, Any]:
    """Runs as the service's account."""
    with files.opened(os.path.join(path, "PG_VERSION")):
        found = files.status(path)
    return {} if found is None else {"uid": found.st_uid, "mode": found.st_mode & 0o7777}
