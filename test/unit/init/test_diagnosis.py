"""What `status` finds: full disks, units, moved and copied instances, and faults of a database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import unittest
import unittest.mock
from dataclasses import replace
from typing import Any

import keystone_site
import support
from installer.host import space
from installer.kit.data import sqlite
from installer.kit.data.sqlite import Sqlite
from installer.manager import unit_faults
from installer.manager.systemd import Unit
from installer.manager.units import Names
from installer.state.instance import Instance


class SpaceTest(support.DirectoryTest):
    def whats(self, **facts: Any) -> tuple[list[str], list[str]]:
        volume = replace(space.Volume(path="/srv", free=1 << 40, files=1 << 20, read_only=False), **facts)
        return [problem.what for problem in space.check([volume])], [problem.what for problem in space.warn([volume])]

    def test_a_full_disk_is_a_fault_and_a_nearly_full_one_a_worry(self) -> None:
        self.assertEqual(self.whats(), ([], []))
        self.assertEqual(self.whats(files=None), ([], []))
        self.assertEqual(self.whats(free=0), (["the disk is full"], []))
        self.assertEqual(self.whats(files=0), (["the disk is full"], []))
        self.assertEqual(self.whats(free=30 << 20), ([], ["the disk is nearly full"]))
        self.assertEqual(self.whats(files=100), ([], ["the disk is nearly full"]))
        self.assertEqual(self.whats(read_only=True), (["the file system is read-only"], []))

    def test_each_file_system_is_looked_at_once(self) -> None:
        (self.directory / "log").mkdir()
        found = space.volumes(Instance(str(self.directory)))
        self.assertEqual([volume.path for volume in found], [str(self.directory)])
        self.assertGreater(found[0].free, 0)


class UnitFaultsTest(unittest.TestCase):
    NAMES = Names("ks")

    def unit(self, name: str = "ks-web.service", **facts: Any) -> Unit:
        sound: dict[str, Any] = {"load": "loaded", "active": "active", "sub": "running", "result": "success"}
        sound |= {"restart": "always", "restarts": 0, "enabled": "static"}
        return Unit(**{"name": name, **sound, "main_pid": 1, "outdated": False, **facts})

    def test_a_daemon_that_does_not_run_is_explained(self) -> None:
        for facts, word in (
            ({"active": "failed", "result": "exit-code", "restarts": 99}, "gave up after 99 more attempts; it ended"),
            ({"active": "failed", "result": "signal", "restart": "no"}, "killed; systemd does not start it again"),
            ({"active": "activating", "sub": "auto-restart", "result": "oom-kill"}, "out of memory"),
            ({"active": "activating", "sub": "auto-restart-queued", "result": "exit-code"}, "again and again"),
            ({"active": "inactive", "sub": "dead"}, "it was stopped"),
            ({"load": "masked"}, "masked"),
            ({"load": "not-found"}, "does not know"),
        ):
            self.assertIn(word, unit_faults.explain(self.unit(**facts)))
        self.assertEqual(unit_faults.explain(self.unit()), "")

    def whats(self, *units: Unit) -> list[str]:
        return [problem.what for problem in unit_faults.check(self.NAMES, {unit.name: unit for unit in units})]

    def test_units_beside_the_daemons_are_checked(self) -> None:
        target, timer = self.unit("ks.target", enabled="enabled"), self.unit("ks-maintain.timer")
        maintain = self.unit("ks-maintain.service", active="inactive")
        self.assertEqual(self.whats(target, timer, maintain), [])
        disabled = self.unit("ks.target", enabled="disabled")
        self.assertEqual(self.whats(disabled, timer, maintain), ["the service does not start at boot"])
        off = self.unit("ks-maintain.timer", active="inactive")
        self.assertEqual(self.whats(target, off, maintain), ["maintenance does not run"])
        stopped = self.unit("ks.target", enabled="enabled", active="inactive")
        self.assertEqual(self.whats(stopped, off, maintain), [])
        changed = self.unit(outdated=True)
        self.assertEqual(self.whats(target, timer, changed), ["unit files changed since systemd read them"])
        with unittest.mock.patch.object(unit_faults, "last_words", return_value=["no space"]):
            failed = self.unit("ks-maintain.service", active="failed", result="exit-code")
            self.assertEqual(self.whats(target, timer, failed), ["the last maintenance failed"])


#: Holds a write transaction on the database it is given until its input ends.
_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("ready", flush=True)
sys.stdin.read()
"""


class DatabaseTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        (self.instance / "data").mkdir()
        self.path = self.instance / "data" / "keystone.db"

    def make(self) -> None:
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE one (two)")
        connection.close()

    def faults(self) -> list[tuple[str, str]]:
        return [(problem.what, problem.why) for problem in Sqlite(self.site(), "data/keystone.db").check()]

    def test_a_valid_one_is_left_unchanged(self) -> None:
        self.make()
        before = os.listdir(self.path.parent)
        self.assertEqual(self.faults(), [])
        self.assertEqual(os.listdir(self.path.parent), before)

    def test_a_missing_an_empty_and_a_foreign_one(self) -> None:
        self.assertEqual([what for what, _ in self.faults()], ["the database is missing"])
        self.path.touch()
        self.assertEqual(self.faults(), [("the database is damaged", "it is empty")])
        self.path.write_text("no database at all")
        self.assertEqual([what for what, _ in self.faults()], ["the database is damaged"])
        self.path.unlink()
        self.make()
        self.path.chmod(0o400)
        self.assertEqual([what for what, _ in self.faults()], ["the service cannot write its database"])

    def hold(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", _WRITER, str(self.path)]
        writer = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(writer.communicate)
        if writer.stdout is not None:
            writer.stdout.readline()
        return writer

    def test_a_writer_that_does_not_end_is_reported(self) -> None:
        self.make()
        writer = self.hold()
        with unittest.mock.patch.object(sqlite, "PATIENCE", 0.2):
            ((what, why),) = self.faults()
        self.assertEqual(what, "the database is locked")
        self.assertIn(f"process {writer.pid}", why)

    def test_a_writer_that_ends_is_no_fault(self) -> None:
        self.make()
        writer = self.hold()
        with unittest.mock.patch.object(sqlite, "_writer", side_effect=[writer.pid, None]):
            self.assertEqual(self.faults(), [])


if __name__ == "__main__":
    unittest.main()
