"""The store for databases of a server. The server is a release's own, where these tests run on one that has it
(KSBUNDLE_TEST_INIT)."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from unittest import mock

import store_site
from installer.errors import Exit, Failure
from installer.host import processes
from installer.host.account import service_environment
from installer.host.processes import Process
from installer.kit.data import postgresql
from installer.kit.data.postgresql import Postgresql, Server, version_of
from installer.state import files
from installer.state.release import Release
from kit_site import RELEASE

NAME = "notes"
#: Reads a file that requires the administrator's rights.
_FORBIDDEN = "COPY (SELECT 1) TO PROGRAM 'true'"


class PostgresqlTest(store_site.StoreTest):
    def setUp(self) -> None:
        if not os.path.exists(RELEASE / "bin" / "postgres"):
            self.skipTest("no release with PostgreSQL: set KSBUNDLE_TEST_INIT to the init/ of one")
        super().setUp()
        for name in ("run", "tmp", "log", "etc"):
            self.own_directory(name)
        self.own_directory(postgresql.SOCKETS)
        self.site = replace(self.site, release=Release(str(RELEASE)))
        self.server = Server(self.site)
        self.store = Postgresql(self.site, [NAME])
        self.addCleanup(lambda: processes.stop(self.found()))

    def found(self) -> list[Process]:
        endings = dict.fromkeys((postgresql.NAME, postgresql.NEW), postgresql.ENDING)
        return processes.find_processes(self.site.instance.run, endings=endings)

    def make(self) -> None:
        self.server.make()
        with self.server.serving():
            self.server.create(NAME)
            self.query("CREATE TABLE note (id serial PRIMARY KEY, body text); INSERT INTO note (body) VALUES ('één')")

    def query(self, statement: str, *, server: str = postgresql.NAME) -> str:
        """The output of psql, run as the service's account."""
        result = subprocess.run(
            [str(RELEASE / "bin" / "psql"), "-XAtq", "-U", NAME, "-d", NAME, "-c", statement],
            cwd=self.instance / "run" / server,
            env={**service_environment(self.site.release, self.site.instance.temporary), "PGHOST": "/proc/self/cwd"},
            preexec_fn=self.site.account.confine(),
            capture_output=True,
            text=True,
            check=False,
        )
        return (result.stdout + result.stderr).strip()

    def bodies(self) -> list[str]:
        return self.query("SELECT body FROM note ORDER BY id").splitlines()

    def assert_only_data(self) -> None:
        """Nothing is left of the server that makes new data."""
        for directory, names in (("data", ["postgresql"]), ("run", ["postgresql"]), ("log", ["postgresql.log"])):
            self.assertEqual([path.name for path in (self.instance / directory).iterdir()], names)
        self.assertEqual(self.found(), [])

    @contextmanager
    def daemon(self) -> Iterator[Process]:
        """Runs the server as with the instance."""
        environment = service_environment(self.site.release, self.site.instance.temporary)
        for file in self.server.files():
            files.write_atomically(self.site.instance.path(file.path), file.content, file.mode, file.owner)
        child = processes.spawn(self.server.daemon(), self.site.instance.run, self.site.account, environment)
        try:
            self.assertTrue(processes.wait_until(lambda: not self.server.why_silent(), 20))
            (main,) = [process for process in self.found() if process.is_main]
            self.assertEqual((main.pid, main.daemon), (child.pid, "postgresql"))
            yield main
        finally:
            processes.stop(self.found())
            child.wait()

    def test_the_server_runs_only_during_a_call(self) -> None:
        self.make()
        self.assertEqual(self.found(), [])
        with self.server.serving():
            self.assertEqual({process.daemon for process in self.found()}, {"postgresql"})
            self.assertEqual(self.bodies(), ["één"])
        self.assertEqual(self.found(), [])
        self.assertEqual(self.server.why_silent(), "nothing answers at its socket")

    def test_a_running_server_keeps_running_and_its_processes_are_one_daemon(self) -> None:
        self.make()
        with self.daemon() as main:
            with self.server.serving():
                self.assertGreater(len(self.found()), 3)
            self.assertTrue(processes.is_alive(main))

    def test_it_ends_at_once_despite_a_connected_client(self) -> None:
        self.make()
        with self.daemon() as main:
            with subprocess.Popen(
                [str(RELEASE / "bin" / "psql"), "-Xq", "-U", NAME, "-d", NAME],
                cwd=self.instance / postgresql.SOCKETS,
                env={"PGHOST": "/proc/self/cwd"},
                preexec_fn=self.site.account.confine(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as client:
                if client.stdin is None or client.stdout is None:
                    raise AssertionError("Popen was asked for pipes")
                client.stdin.write(b"\\echo connected\n")
                client.stdin.flush()
                self.assertEqual(client.stdout.readline(), b"connected\n")
                processes.stop([main], seconds=9)
                client.kill()
            log = (self.instance / "log" / "postgresql.log").read_text()
            self.assertIn("received fast shutdown request", log)
            self.assertIn("database system is shut down", log)

    def test_a_killed_server_recovers_its_writes(self) -> None:
        self.make()
        with self.daemon() as main:
            self.query("INSERT INTO note (body) VALUES ('written')")
            processes.send(main, signal.SIGKILL)
            self.assertTrue(processes.wait_until(lambda: not processes.is_alive(main), 5))
            with self.server.serving():
                self.assertEqual(self.bodies(), ["één", "written"])

    def test_no_other_user_can_connect(self) -> None:
        self.make()
        with self.daemon():
            if not self.account.switch:
                self.skipTest("only root can be somebody else")
            result = subprocess.run(
                [str(RELEASE / "bin" / "psql"), "-Xq", "-U", NAME, "-d", NAME, "-c", "SELECT 1"],
                cwd=self.instance / postgresql.SOCKETS,
                env={"PGHOST": "/proc/self/cwd"},
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertIn("Peer authentication failed", result.stderr)

    def test_a_dump_is_loaded_into_another_instance(self) -> None:
        self.make()
        with self.daemon():
            (piece,) = self.dump(self.store)
        self.assertEqual(piece.path, "data/postgresql/notes.dump")
        content = store_site.content_of(piece)
        subprocess.run(["rm", "-rf", self.data / "postgresql", self.instance / "etc"], check=True)
        self.own_directory("etc")
        for _ in range(2):
            self.store.load(self.stage([(piece.path, content)]), [piece.path])
        with self.server.serving():
            self.assertEqual(self.bodies(), ["één"])
            self.query("INSERT INTO note (body) VALUES ('new')")
            self.assertEqual(self.bodies(), ["één", "new"])
        self.assert_only_data()

    def test_a_dump_has_only_the_rights_of_its_role(self) -> None:
        self.make()
        with self.server.serving():
            self.assertIn("permission denied", self.query(_FORBIDDEN))
            self.assertEqual(self.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'notes'"), "f")

    def test_a_damaged_dump_leaves_the_data_unchanged(self) -> None:
        self.make()
        with self.assertRaises(Failure) as caught:
            self.store.load(self.stage([("data/postgresql/notes.dump", b"no dump")]), ["data/postgresql/notes.dump"])
        self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)
        with self.server.serving():
            self.assertEqual(self.bodies(), ["één"])

    def test_an_upgraded_copy_replaces_the_data(self) -> None:
        self.make()
        with self.daemon():
            self.store.copy()
            before = self.store.fingerprint()
            self.query("INSERT INTO note (body) VALUES ('later')")
            self.assertEqual(self.store.fingerprint(), before)
            with self.server.new.serving():
                self.query("UPDATE note SET body = 'upgraded'", server=postgresql.NEW)
            self.assertNotEqual(self.store.fingerprint(), before)
            self.assertEqual(self.bodies(), ["één", "later"])
        for _ in range(2):
            self.store.adopt()
        with self.server.serving():
            self.assertEqual(self.bodies(), ["upgraded"])
        self.assert_only_data()

    def test_an_interrupted_exchange_is_finished(self) -> None:
        self.make()
        self.store.copy()
        (self.data / "postgresql").rename(self.data / "postgresql.former")
        self.store.adopt()
        with self.server.serving():
            self.assertEqual(self.bodies(), ["één"])
        self.assert_only_data()

    def test_a_discarded_copy_is_removed_even_if_its_server_runs(self) -> None:
        self.store.discard()
        self.make()
        self.store.copy()
        with suppress(KeyboardInterrupt), mock.patch.object(processes, "stop"), self.server.new.serving():
            raise KeyboardInterrupt
        self.assertEqual({process.daemon for process in self.found()}, {postgresql.NEW})
        self.store.discard()
        self.assert_only_data()

    def test_data_of_another_version_is_refused(self) -> None:
        self.make()
        self.assertEqual(list(self.server.check_version()), [])
        self.assertFalse(self.store.outdated)
        own = int(version_of(self.site.release) or "")
        for version, hint in ((own - 1, "upgrade --from RELEASE"), (own + 1, f"a release with PostgreSQL {own + 1}")):
            (self.data / "postgresql" / "PG_VERSION").write_text(f"{version}\n")
            (problem,) = self.server.check_version()
            self.assertIn(f"PostgreSQL {version}, and this release has PostgreSQL {own}", problem.why)
            self.assertIn(hint, problem.hint)
            self.assertTrue(self.store.outdated)
            with self.assertRaises(Failure) as caught:
                self.dump(self.store)
            self.assertEqual((caught.exception.exit_code, caught.exception.problems), (Exit.PREFLIGHT, (problem,)))
        self.assertEqual(self.found(), [])

    def test_its_size_is_known_and_its_data_is_checked(self) -> None:
        self.assertEqual(store_site.whats(self.store.check()), ["the databases cannot be used"])
        self.assertEqual(self.store.size().content, 0)
        self.make()
        self.assertEqual(self.store.check(), [])
        self.assertGreater(self.store.size().content, 5 << 20)
        (self.data / "postgresql").chmod(0o755)
        self.assertEqual(store_site.whats(self.store.check()), ["the database server refuses its data"])

    def test_a_dump_needs_data(self) -> None:
        with self.assertRaises(Failure) as caught:
            self.dump(self.store)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)


if __name__ == "__main__":
    unittest.main()
