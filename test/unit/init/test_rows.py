"""All rows of a Keystone database, copied to another: a file, PostgreSQL, MariaDB. Keystone's own code makes the
tables, so these tests need a release's Python (KSBUNDLE_TEST_INIT)."""

from __future__ import annotations

import importlib
import importlib.util
import tracemalloc
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partialmethod
from pathlib import Path
from typing import Any

import database_servers
import support

MADE = datetime(2026, 1, 2, 3, 4, 5, 678901)
ROOT = "<<keystone.domain.root>>"
Row = dict[str, Any]
Kind = Callable[[unittest.TestCase, Path], str]


class RowsTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        if importlib.util.find_spec("keystone") is None:
            self.skipTest("no release: this Python has no Keystone (KSBUNDLE_TEST_INIT)")
        self.rows: Any = importlib.import_module("ksbundle_keystone.rows")
        self.sqlalchemy: Any = importlib.import_module("sqlalchemy")
        self.source = f"sqlite:///{self.directory}/source.db"
        self.make_tables(self.source)

    def make_tables(self, url: str) -> None:
        upgrades: Any = importlib.import_module("keystone.common.sql.upgrades")
        importlib.import_module("keystone.conf").configure()
        importlib.import_module("oslo_db.options").set_defaults(upgrades.CONF, connection=url.replace("$", "$$"))
        engine = self.sqlalchemy.create_engine(url)
        upgrades.offline_sync_database_to_version(engine=engine)
        engine.dispose()

    @contextmanager
    def connected(self, url: str) -> Iterator[Any]:
        engine = self.sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def insert(self, url: str, **tables: list[Row]) -> None:
        metadata = self.sqlalchemy.MetaData()
        with self.connected(url) as connection:
            metadata.reflect(connection)
            for name, rows in tables.items():
                connection.execute(metadata.tables[name].insert(), rows)

    def execute(self, url: str, statement: str) -> Any:
        with self.connected(url) as connection:
            result = connection.execute(self.sqlalchemy.text(statement))
            return result.all() if result.returns_rows else None

    def fill(self, count: int = 3) -> None:
        """Gives the source users with passwords, projects below each other, and non-ASCII bytes."""
        ids = [f"{number:032x}" for number in range(count)]
        self.insert(
            self.source,
            project=[
                project("aaa", "child", domain="zzz", parent="bbb"),
                project("bbb", "Straße", domain="zzz", parent="zzz"),
                project("zzz", "Default", domain=ROOT, parent=None, is_domain=True),
            ],
            user=[user(name) for name in ids],
            local_user=[local_user(number, name, f"user {number}") for number, name in enumerate(ids, 1)],
            password=[password(number) for number in range(1, count + 1)],
        )

    def check_copy(self, kind: Kind) -> None:
        target = kind(self, self.directory)
        self.make_tables(target)
        self.fill()
        tried = self.rows.copy(self.source, target, keep=False)
        self.assertEqual((tried["refused"], tried["different"]), ([], []))
        self.assertEqual(self.execute(target, "SELECT count(*) FROM local_user"), [(0,)])

        self.assertEqual(self.rows.copy(self.source, target, keep=True), tried)
        self.assertEqual(self.rows.compare(self.source, target), [])
        self.assertEqual(self.execute(target, "SELECT name FROM project WHERE id = 'bbb'"), [("Straße",)])
        self.execute(target, "UPDATE local_user SET name = 'changed' WHERE id = 2")
        self.execute(target, "DELETE FROM password WHERE id = 3")
        self.assertEqual(sorted(self.rows.compare(self.source, target)), ["local_user", "password"])

        # Existing rows are replaced, and the next row gets a free number.
        self.rows.copy(self.source, target, keep=True)
        self.insert(target, password=[{name: value for name, value in password(1).items() if name != "id"}])
        self.assertEqual(self.execute(target, "SELECT max(id) FROM password"), [(4,)])

        back = f"sqlite:///{self.directory}/back.db"
        self.make_tables(back)
        self.assertEqual(self.rows.copy(target, back, keep=True)["shortened"], {})
        self.assertEqual(self.rows.compare(target, back), [])

        self.rows.clear(target)
        self.assertEqual(self.rows.versions(target), [])

    test_a_file_gets_all_rows = partialmethod(check_copy, database_servers.sqlite)
    test_postgresql_gets_all_rows = partialmethod(check_copy, database_servers.postgresql)
    test_mariadb_gets_all_rows = partialmethod(check_copy, database_servers.mariadb)

    def refused(self, target: str) -> list[str]:
        """Rows that the target refuses; it is unchanged."""
        self.make_tables(target)
        before = self.execute(target, "SELECT id FROM project")
        found: list[str] = self.rows.copy(self.source, target, keep=True)["refused"]
        self.assertEqual(self.execute(target, "SELECT id FROM project"), before)
        return found

    def test_mariadb_refuses_four_bytes_and_names_that_it_considers_equal(self) -> None:
        target = database_servers.mariadb(self, self.directory)
        self.fill()
        names = ("Plain", "PLAIN", "Café", "Cafe", "rocket \N{ROCKET}")
        self.insert(self.source, project=[project(f"p{number}", name) for number, name in enumerate(names)])
        collision, accent, rocket = self.refused(target)
        self.assertIn("project with id 'p1', name 'PLAIN': Duplicate entry", collision)
        self.assertIn("project with id 'p3', name 'Cafe': Duplicate entry", accent)
        self.assertIn("project with id 'p4', name 'rocket \N{ROCKET}': Incorrect string value", rocket)

    def test_mariadb_keeps_whole_seconds_which_is_reported(self) -> None:
        target = database_servers.mariadb(self, self.directory)
        self.make_tables(target)
        self.fill(2)
        told = self.rows.copy(self.source, target, keep=True)
        self.assertEqual(told["shortened"], {"user.created_at": 2, "password.created_at": 2})
        ((made,),) = self.execute(target, "SELECT created_at FROM password WHERE id = 1")
        self.assertEqual(made, MADE.replace(microsecond=0))

    def test_postgresql_accepts_all_names_but_no_orphans_or_long_values(self) -> None:
        target = database_servers.postgresql(self, self.directory)
        self.fill()
        names = ("Plain", "PLAIN", "rocket \N{ROCKET}", "x" * 65)
        self.insert(
            self.source,
            project=[project(f"p{number}", name) for number, name in enumerate(names)],
            password=[{**password(9), "local_user_id": 4711}],
        )
        long, orphan = self.refused(target)
        self.assertIn("project with id 'p3'", long)
        self.assertIn("too long", long)
        self.assertEqual(orphan, "password with id 9: it refers to a row that does not exist")

    def test_a_password_is_in_no_reason(self) -> None:
        target = database_servers.postgresql(self, self.directory)
        self.fill()
        self.insert(self.source, password=[{**password(9), "password_hash": "secret" * 50}])
        (reason,) = self.refused(target)
        self.assertNotIn("secret", reason)

    def test_databases_of_two_versions_are_not_mixed(self) -> None:
        target = database_servers.sqlite(self, self.directory)
        self.make_tables(target)
        self.execute(target, "DELETE FROM alembic_version")
        with self.assertRaisesRegex(ValueError, "two versions"):
            self.rows.copy(self.source, target, keep=True)

    def test_ten_thousand_users_are_never_in_memory_at_once(self) -> None:
        target = database_servers.sqlite(self, self.directory)
        self.make_tables(target)
        self.fill(10_000)
        # Loads everything that is loaded only once.
        self.rows.compare(self.source, self.source)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(self.rows.copy(self.source, target, keep=True)["rows"], 30_004)
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 8 << 20)


def project(key: str, name: str, *, domain: str = "zzz", parent: str | None = "zzz", is_domain: bool = False) -> Row:
    facts = {"id": key, "name": name, "domain_id": domain, "parent_id": parent, "is_domain": is_domain}
    return {**facts, "enabled": True, "extra": "{}", "description": None}


def user(key: str) -> Row:
    return {"id": key, "domain_id": "zzz", "enabled": None, "extra": '{"ä": null}', "created_at": MADE}


def local_user(number: int, key: str, name: str) -> Row:
    return {"id": number, "user_id": key, "domain_id": "zzz", "name": name, "failed_auth_count": 0}


def password(number: int) -> Row:
    times = {"created_at": MADE, "created_at_int": 1767323045678901 + number, "expires_at": None}
    return {"id": number, "local_user_id": number, "self_service": False, "password_hash": "x" * 60, **times}


if __name__ == "__main__":
    unittest.main()
