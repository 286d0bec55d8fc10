"""The store of an SQLite database: real databases, with programs that write to them meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest
import unittest.mock
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import store_site
from installer.errors import Exit, Failure
from installer.kit.data import sqlite
from installer.kit.data.sqlite import SIDECARS, Sqlite
from installer.state.files import Owner

#: Writes pairs of equal numbers, each pair in a transaction, until it is killed. A small cache has it write within
#: transactions, too.
_WRITER = """
import itertools
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute(f"PRAGMA journal_mode={sys.argv[4]}")
connection.execute("PRAGMA cache_size=5")
for number in itertools.count(1):
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        connection.execute("INSERT INTO pair VALUES (?, ?)", (number, "x" * 5000))
    connection.execute("COMMIT")
    if number == 3:
        print("ready", flush=True)
"""
#: Starts a transaction that changes much of the database on disk, and waits to be killed in it.
_HALF = """
import time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=5")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE pair SET number = -1, filling = ''")
print("ready", flush=True)
time.sleep(60)
"""
#: Adds a row and ends without closing the database.
_CARELESS = """
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO pair VALUES (0, 'careless')")
os.kill(os.getpid(), 9)
"""


class SqliteTest(store_site.StoreTest):
    def setUp(self) -> None:
        super().setUp()
        self.store = Sqlite(self.site, "data/one.db")
        self.path = self.data / "one.db"

    def make(self, journal: str = "delete", pairs: int = 20) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode={journal}")
            connection.execute("CREATE TABLE pair (number, filling)")
            rows = [(number, "x" * 5000) for number in range(pairs) for _ in range(2)]
            connection.executemany("INSERT INTO pair VALUES (?, ?)", rows)
        self.path.chmod(0o640)
        self.give(self.path)

    def argv(self, program: str, path: str, *arguments: str) -> list[str]:
        return [sys.executable, "-c", store_site.DROP + program, path, *self.account_ids, *arguments]

    @contextmanager
    def running(self, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program of the service that has reported ready; it is killed at the end."""
        argv = self.argv(program, str(self.path), *arguments)
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            try:
                self.assertEqual(process.stdout.readline() if process.stdout else b"", b"ready\n")
                yield process
            finally:
                process.kill()

    def rows(self, path: str | Path) -> dict[int, int]:
        """How many rows each number has in a valid database."""
        with closing(sqlite3.connect(path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return dict(connection.execute("SELECT number, count(*) FROM pair GROUP BY number"))

    def test_a_dump_of_a_database_in_use_is_consistent(self) -> None:
        for journal in ("delete", "wal"):
            with self.subTest(journal=journal):
                self.path.unlink(missing_ok=True)
                self.make(journal)
                with self.running(_WRITER, journal):
                    dumps = [self.dump(self.store) for _ in range(5)]
                for (piece,) in dumps:
                    self.assertEqual((piece.path, piece.mode), ("data/one.db", 0o640))
                    self.assertEqual(set(self.rows(piece.file).values()), {2, 4} if 1 in self.rows(piece.file) else {2})
                for ending in SIDECARS:
                    Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def test_a_dump_excludes_the_transaction_of_a_killed_writer(self) -> None:
        self.make()
        with self.running(_HALF):
            pass
        self.assertTrue(Path(f"{self.path}-journal").exists())
        (piece,) = self.dump(self.store)
        self.assertEqual(self.rows(piece.file), dict.fromkeys(range(20), 2))

    def test_a_writer_that_does_not_end_is_not_waited_for_forever(self) -> None:
        self.make()
        with (
            unittest.mock.patch.object(sqlite, "COPY_PATIENCE", 0.2),
            self.running(_HALF),
            self.assertRaises(Failure) as caught,
        ):
            self.dump(self.store)
        (problem,) = caught.exception.problems
        self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)
        self.assertEqual(problem.where, str(self.path))
        self.assertIn("kept it locked", problem.why)

    def test_an_invalid_or_missing_database_is_reported(self) -> None:
        with self.assertRaises(Failure) as caught:
            self.dump(self.store)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertRegex(caught.exception.problems[0].hint, "install.*restore")
        self.path.write_text("no database, but long enough to be one" * 100)
        self.give(self.path)
        with self.assertRaises(Failure) as caught:
            self.dump(self.store)
        self.assertIn("not a database", caught.exception.problems[0].why)

    def test_an_upgraded_copy_replaces_the_database(self) -> None:
        for journal in ("delete", "wal"):
            with self.subTest(journal=journal):
                self.path.unlink(missing_ok=True)
                self.make(journal)
                self.store.copy()
                before = self.store.fingerprint()
                self.assertEqual(self.store.fingerprint(), before)
                careless = subprocess.run(self.argv(_CARELESS, self.store.upgrading))
                self.assertEqual(careless.returncode, -signal.SIGKILL)
                self.assertNotEqual(self.store.fingerprint(), before)
                self.assertNotIn("careless", str(self.path.read_bytes()))
                # Sidecars of the former file would damage the new one.
                for ending in SIDECARS:
                    Path(f"{self.path}{ending}").write_bytes(b"former")
                self.store.adopt()
                self.assertEqual(self.rows(self.path)[0], 3)
                self.assertEqual(store_site.owners(self.data), {Owner(self.account.uid, self.account.gid)})
                self.assertEqual([path.name for path in self.data.iterdir()], ["one.db"])
                self.store.adopt()
                self.assertEqual(self.rows(self.path)[0], 3)

    def test_a_discarded_copy_leaves_nothing(self) -> None:
        self.make()
        self.store.discard()
        self.store.copy()
        Path(f"{self.store.upgrading}-journal").touch()
        self.store.copy()
        self.assertEqual(self.rows(self.store.upgrading), dict.fromkeys(range(20), 2))
        Path(f"{self.store.upgrading}-journal").mkdir()
        self.store.discard()
        self.assert_no_copy()

    def test_a_load_replaces_only_the_database(self) -> None:
        self.make(pairs=3)
        new = self.path.read_bytes()
        self.path.unlink()
        self.make()
        Path(f"{self.path}-journal").write_bytes(b"former")
        names = ("data/one.db", "data/one.db-journal", "data/.upgrading/one.db")
        staged = self.stage((name, new if name.endswith("one.db") else b"hostile") for name in names)
        self.store.load(staged, names)
        self.assertEqual(self.rows(self.path), dict.fromkeys(range(3), 2))
        self.assertEqual([path.name for path in self.data.iterdir()], ["one.db"])

    def test_its_size_is_that_of_its_file(self) -> None:
        self.assertEqual(self.store.size().content, 0)
        self.make()
        self.assertEqual(self.store.size().dump, self.path.stat().st_size)

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_no_file_planted_by_the_account_leads_elsewhere(self) -> None:
        secret = self.directory / "secret"
        secret.mkdir(mode=0o700)
        with closing(sqlite3.connect(secret / "one.db")) as connection:
            connection.execute("CREATE TABLE secret (one)")
        (secret / "one.db").chmod(0o600)
        before = (secret / "one.db").read_bytes()
        self.path.symlink_to(secret / "one.db")
        self.refused(self.store.copy)
        self.path.unlink()
        os.link(secret / "one.db", self.path)
        self.refused(self.store.copy)
        self.path.unlink()
        os.mkfifo(self.path)
        self.refused(self.store.copy)
        self.path.unlink()
        self.make()
        shutil.rmtree(self.data / ".upgrading")
        (self.data / ".upgrading").symlink_to(secret)
        self.store.copy()
        self.store.adopt()
        self.assertEqual(self.rows(self.path), dict.fromkeys(range(20), 2))
        self.assertEqual([(path.name, path.read_bytes()) for path in secret.iterdir()], [("one.db", before)])

    def refused(self, act: object) -> None:
        with self.assertRaises((OSError, Failure)):
            act()  # type: ignore[operator]


if __name__ == "__main__":
    unittest.main()
