"""Upgrades and rollbacks with the small product of the install tests. The same code
simulates the former release's own commands; end-to-end tests run the real ones."""

from __future__ import annotations

import json
import shutil
import threading
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import support
from fake_product import end
from installer import report
from installer.bundle.api import Remark, Site
from installer.bundle.store import Store
from installer.commands import backup, control, install, rollback, show, status, upgrade
from installer.engine.session import Session
from installer.errors import Exit, Failure, Problem
from installer.host import clock, space
from installer.host.processes import find_processes
from installer.kit.data.directory import Directory
from installer.state import archive, former, lock, move, receipt
from installer.state.instance import Instance
from installer.state.release import LEFT, Release
from product_site import ProductTest, quiet


class UpgradeTest(ProductTest):
    """`old` is installed and runs; `root`, the release that the base class makes, takes over."""

    def setUp(self) -> None:
        super().setUp()
        self.new = self.root
        self.old = self.directory / "old"
        shutil.copytree(self.root, self.old)
        self.set_version(self.new, "2", upgradeFrom="1")
        self.addCleanup(lambda: end(find_processes(str(self.old / "instance" / "run"))))
        self.commands: list[str] = []
        for patch in (mock.patch.object(former, "run", self.run_former), mock.patch.object(lock, "PATIENCE", 1)):
            patch.start()
            self.addCleanup(patch.stop)
        with quiet():
            install.install(self.of(self.old, "install", "--host", "10.0.0.1"))

    def set_version(self, release: Path, version: str, **facts: str) -> None:
        path = release / "init" / "bundle.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "version": version, **facts}))
        support.seal(release)

    def of(self, release: Path, *argv: str) -> Session:
        self.root = release
        try:
            return self.session(*argv)
        finally:
            self.root = self.new

    def test_the_former_release_names_its_instances_new_place_until_a_rollback(self) -> None:
        self.upgrade()
        with self.assertRaises(Failure) as caught, quiet():
            status.status(self.of(self.old, "status"), False)
        (problem,) = caught.exception.problems
        self.assertIn(str(self.new / "instance"), problem.why)
        self.assertIn(str(self.new / "init" / "bootstrap.sh"), problem.hint)
        # A rollback by the former release is refused: the instance is not its own.
        with self.assertRaises(Failure) as caught, quiet():
            rollback.rollback(self.of(self.old, "rollback"))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        with quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertFalse((self.old / LEFT).is_symlink())

    def test_a_plan_of_an_upgrade_does_not_list_existing_files(self) -> None:
        with quiet() as output:
            show.plan(self.of(self.new, "plan", "--from", str(self.old)), str(self.old), True)
        steps = [(step["do"], step["path"]) for step in json.loads(output.getvalue())["steps"]]
        self.assertNotIn(("make", str(self.new / "instance" / "data")), steps)
        self.assertIn(("rename " + str(self.old / "instance") + " to", str(self.new / "instance")), steps)

    def run_former(self, release: Release, command: str, instance: Instance) -> None:
        """Replaces `former.run`."""
        self.commands.append(command)
        session = self.of(Path(release.root), command, "--instance", instance.root)
        {"start": control.start, "install": install.install}[command](session)

    def upgrade(self) -> None:
        self.commands.clear()
        with quiet():
            upgrade.upgrade(self.of(self.new, "upgrade", "--from", str(self.old)), str(self.old))

    def refused(self, exit_code: Exit) -> list[str]:
        with self.assertRaises(Failure) as caught:
            self.upgrade()
        self.assertEqual(caught.exception.exit_code, exit_code)
        return [problem.what for problem in caught.exception.problems]

    def serves(self, release: Path) -> bool:
        return len(find_processes(str(release / "instance" / "run"))) == 1

    def hold_lock(self, ends: list[Callable[[], None]]) -> None:
        """Works on the old instance in another thread; adds the function that ends it."""
        holds, over = threading.Event(), threading.Event()

        def hold() -> None:
            with lock.exclusive(str(self.old / "instance" / "lock")):
                holds.set()
                over.wait()

        def end() -> None:
            over.set()
            thread.join()

        thread = threading.Thread(target=hold)
        thread.start()
        self.addCleanup(end)
        self.assertTrue(holds.wait(60))
        ends.append(end)

    def test_the_operators_settings_are_reviewed_before_anything_stops(self) -> None:
        self.product.remarks = [Remark(Problem("this is called otherwise")), Remark(Problem("this is refused"), True)]
        (self.old / "instance" / "etc" / "conf").write_text("mine")
        with mock.patch.object(report, "warn") as warn:
            self.assertEqual(self.refused(Exit.PREFLIGHT), ["this is refused"])
        self.assertEqual([call.args[0].what for call in warn.call_args_list], ["this is called otherwise"])
        self.assertEqual(self.product.edited, ["etc/conf"])
        self.assertTrue(self.serves(self.old))
        self.product.remarks.pop()
        self.upgrade()
        self.assertTrue(self.serves(self.new))

    def test_upgrade_and_rollback(self) -> None:
        self.upgrade()
        self.assertEqual(self.commands, [])
        self.assertTrue(self.serves(self.new))
        self.assertFalse((self.old / "instance").exists())
        recorded = receipt.read(str(self.new / "instance" / "receipt.json"))
        assert recorded is not None
        previous = rollback.describe_previous(self.of(self.new, "status"), recorded)
        assert previous is not None
        self.assertEqual((previous["release"], previous["version"], previous["missing"]), (str(self.old), "1", []))
        self.upgrade()
        self.assertEqual(self.commands, [])
        with quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertTrue(self.serves(self.old))
        self.assertFalse((self.new / "instance").exists())

    def test_a_copy_that_this_release_needs_is_used_even_if_it_did_not_change(self) -> None:
        directories = []
        for outdated in (False, True):
            before = (self.old / "instance" / "data" / "kept").stat().st_ino
            with mock.patch.object(Directory, "outdated", outdated):
                self.upgrade()
            directories.append((self.new / "instance" / "data" / "kept").stat().st_ino == before)
            with quiet():
                rollback.rollback(self.of(self.new, "rollback"))
        self.assertEqual(directories, [True, False])

    def test_stores_know_the_former_release_while_its_data_is_copied_and_put_back(self) -> None:
        known: list[str] = []
        kept = self.product.stores

        def stores(site: Site) -> Sequence[Store]:
            known.append(site.former.root if site.former else "")
            return kept(site)

        self.product.stores = stores  # type: ignore[method-assign]
        self.upgrade()
        self.assertEqual(set(known), {str(self.old)})
        known.clear()
        with mock.patch.object(former, "run"), quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertEqual(list(dict.fromkeys(known)), ["", str(self.old)])

    def test_bulky_data_is_not_saved_before_an_upgrade_and_stays_in_a_rollback(self) -> None:
        images = self.old / "instance" / "data" / "images"
        shutil.copytree(images.parent / "kept", images)
        for name in ("one", "two"):
            (images / name).write_text(name)
        for path in (images, *images.iterdir()):
            shutil.chown(path, images.parent.stat().st_uid)
        kept = self.product.stores

        def stores(site: Site) -> Sequence[Store]:
            return [*kept(site), Directory(site, "data/images", upgraded=False, bulky=True)]

        self.product.stores = stores  # type: ignore[method-assign]
        before = facts(images / "one")
        self.upgrade()
        images = self.new / "instance" / "data" / "images"
        self.assertEqual(facts(images / "one"), before)
        recorded = receipt.read(str(self.new / "instance" / "receipt.json"))
        assert recorded is not None
        saved = archive.read(str(self.new / "instance" / recorded.previous["backup"]))
        self.assertEqual(saved.without, ["data/images"])
        self.assertIn("data/kept/host", saved.entries)
        self.assertEqual([name for name in saved.entries if name.startswith("data/images")], [])
        with quiet() as output:
            backup.backup(self.of(self.new, "backup"), None)
        self.assertIn("data/images/two", archive.read(output.getvalue().strip()).entries)
        (images / "two").unlink()
        with quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        images = self.old / "instance" / "data" / "images"
        self.assertEqual(facts(images / "one"), before)
        self.assertFalse((images / "two").exists())

    def test_a_step_that_fails_before_the_switch_leaves_the_old_release_serving(self) -> None:
        self.product.failing.add("upgrade")
        self.assertEqual(self.refused(Exit.ROLLED_BACK)[0], "upgrade failed")
        self.assertTrue(self.serves(self.old))
        self.assertIsNone(self.of(self.old, "status").unfinished)

    def test_it_warns_of_a_clock_that_is_ahead(self) -> None:
        late = mock.patch.object(clock, "RELEASED", clock.RELEASED - 30 * 365 * clock.DAY)
        with late, mock.patch("installer.report.warn") as warn:
            self.upgrade()
        self.assertRegex(warn.call_args_list[0].args[0].what, r"^the clock says .* long after this release was made$")

    def test_a_rollback_that_cannot_start_says_what_serves(self) -> None:
        self.upgrade()
        no_backup = mock.patch.object(backup, "take", side_effect=OSError(28, "full", "/backups"))
        with no_backup, self.assertRaises(Failure) as caught, quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertEqual(caught.exception.exit_code, Exit.ROLLED_BACK)
        self.assertIn("this release keeps serving", caught.exception.problems[-1].what)
        self.assertTrue(self.serves(self.new))
        self.assertIsNone(self.of(self.new, "status").unfinished)

    def test_a_rollback_is_refused_if_the_data_was_migrated_since(self) -> None:
        self.upgrade()
        elsewhere = mock.patch.object(self.product, "transfer", return_value=mock.Mock(is_done=False))
        with elsewhere, self.assertRaises(Failure) as caught, quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertIn("migrate-database --to", caught.exception.problems[0].hint)

    def test_a_rollback_that_leaves_nothing_serving_reports_everything(self) -> None:
        self.upgrade()
        no_backup = mock.patch.object(backup, "take", side_effect=OSError(5, "no backup"))
        no_room = mock.patch.object(space, "volumes", return_value=[space.Volume("/d", 0, None, False)])
        self.product.failing.add("ready")
        with no_backup, no_room, self.assertRaises(Failure) as caught, quiet():
            rollback.rollback(self.of(self.new, "rollback"))
        self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)
        self.assertEqual(
            [problem.what for problem in caught.exception.problems],
            ["the host refused: no backup", "ready failed", "the disk is full", "this release does not start again"],
        )

    def test_another_bootstraps_work_is_left_alone(self) -> None:
        ends: list[Callable[[], None]] = []
        self.hold_lock(ends)
        self.assertIn("another bootstrap is working on this instance", self.refused(Exit.LOCKED))
        self.assertEqual(self.commands, [])
        self.assertTrue(self.serves(self.old))
        ends[0]()
        self.upgrade()
        self.assertTrue(self.serves(self.new))

    def test_the_instance_is_locked_while_it_is_stopped_and_saved(self) -> None:
        refused = []

        def take(session: Session, *_: object) -> str:
            with self.assertRaises(Failure) as caught:
                install.install(self.of(self.old, "install", "--host", "10.0.0.2"))
            refused.append((caught.exception.exit_code, self.serves(self.old)))
            raise OSError(28, "full", "/backups")

        with mock.patch.object(backup, "take", side_effect=take):
            self.refused(Exit.ROLLED_BACK)
        self.assertEqual(refused, [(Exit.LOCKED, False)])
        self.assertEqual(self.commands, ["start"])
        self.assertTrue(self.serves(self.old))

    def test_versions_that_cannot_be_upgraded_are_refused_in_advance(self) -> None:
        for version, word in (("1.9", "directly"), ("3.1", "newer")):
            self.set_version(self.new, "3", upgradeFrom="2")
            self.set_version(self.old, version)
            self.assertIn(word, self.refused(Exit.PREFLIGHT)[0])
        self.assertEqual(self.commands, [])

    def test_all_obstacles_are_reported_at_once(self) -> None:
        (self.new / "instance").mkdir()
        (self.new / "instance" / "lock").touch()
        self.set_version(self.old, "3")
        self.assertEqual(
            self.refused(Exit.PREFLIGHT),
            ["3 is newer than this release, 2", "this release already has an instance"],
        )

    def test_missing_files_that_rollback_needs_are_listed(self) -> None:
        previous = {"version": "1", "release": "/old", "backup": "/b", "missing": ["/old", "/b"]}
        self.assertEqual(rollback.tell_previous(previous), "1 in /old; rollback is not possible, /old and /b is gone")
        self.assertIn("rollback brings back /b", rollback.tell_previous({**previous, "missing": []}))

    def test_places_between_which_an_instance_cannot_be_renamed(self) -> None:
        here, there = Instance(str(self.old / "instance")), Instance(str(self.new / "instance"))
        self.assertEqual(move.why_not_renamed(here, there), "")
        self.assertIn("is gone", move.why_not_renamed(here, Instance(str(self.directory / "none" / "instance"))))
        self.assertIn("different file systems", move.why_not_renamed(here, Instance("/proc/instance")))
        (self.directory / "link").symlink_to(self.old / "instance")
        self.assertIn("symbolic link", move.why_not_renamed(Instance(str(self.directory / "link")), there))


def facts(path: Path) -> tuple[int, int]:
    """Values that differ if the file was written or replaced."""
    return path.stat().st_ino, path.stat().st_ctime_ns


if __name__ == "__main__":
    unittest.main()
