"""Backups, restoring and uninstalling with the small product of the install tests."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import support
from fake_product import DATA, Cut, end
from installer.bundle.api import Site
from installer.commands import backup, restore, uninstall
from installer.commands.uninstall import Wish
from installer.errors import Exit, Failure
from installer.host.processes import find_processes
from installer.kit.data.directory import Directory
from installer.state import archive, files
from product_site import ProductTest, quiet


class LifecycleTest(ProductTest):
    def backup(self, file: str | None = None) -> Path:
        with quiet() as output:
            backup.backup(self.session("backup"), file)
        return Path(output.getvalue().strip())

    def restore(self, file: Path, *argv: str) -> None:
        with quiet():
            restore.restore(self.session("restore", *argv, str(file)), str(file))

    def uninstall(self, wish: Wish | None = None) -> None:
        with quiet():
            uninstall.uninstall(self.session("uninstall"), wish or Wish())

    def automatic(self) -> list[str]:
        return sorted(path.name for path in (self.instance / "backups").iterdir() if "-before-" in path.name)

    def test_a_backup_holds_the_operators_files_too_and_is_restored(self) -> None:
        self.install("--host", "10.0.0.1")
        own = self.instance / "etc" / "own.d" / "mine.conf"
        own.parent.mkdir()
        own.write_text("mine")
        saved = self.backup(str(self.directory))
        self.assertEqual(saved.stat().st_mode & 0o777, 0o600)
        own.write_text("changed")
        (own.parent / "later").write_text("x")
        (self.instance / DATA).write_text("10.0.0.9")
        self.restore(saved)
        self.assertEqual(own.read_text(), "mine")
        self.assertFalse((own.parent / "later").exists())
        self.assertEqual((self.instance / DATA).read_text(), "10.0.0.1")
        self.assertEqual(len(self.automatic()), 1)
        self.install()
        self.assertEqual(self.product.calls, ["prove"])

    def test_a_backup_is_restored_in_another_place_with_another_host(self) -> None:
        self.install("--host", "10.0.0.1")
        saved = self.backup()
        other = self.directory / "other"
        self.restore(saved, "--instance", str(other), "--host", "10.0.0.2")
        self.addCleanup(lambda: end(find_processes(str(other / "run"))))
        self.assertEqual((other / "etc" / "conf").read_text(), f"host=10.0.0.2\nroot={other}\n")
        self.assertEqual((other / DATA).read_text(), "10.0.0.2")

    def test_facts_of_a_backup_about_its_host_are_not_trusted(self) -> None:
        """Its author could name a key of this host: root would give the service a copy."""
        self.declare({"name": "key", "type": "path", "help": "A file"})
        self.install("--host", "10.0.0.1", "--key", "/etc/theirs")
        saved = self.backup()
        other = ["--instance", str(self.directory / "other")]
        self.addCleanup(lambda: end(find_processes(str(self.directory / "other" / "run"))))
        with self.assertRaises(Failure) as caught:
            self.restore(saved, *other)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertIn("--key /etc/theirs", caught.exception.problems[0].why)
        self.assertFalse((self.directory / "other").exists())
        self.restore(saved, *other, "--key=/etc/ours")
        self.assertEqual(self.answers(self.directory / "other"), {"host": ["10.0.0.1"], "key": ["/etc/ours"]})
        self.restore(saved, *other, "--key=")
        self.assertEqual(self.answers(self.directory / "other"), {"host": ["10.0.0.1"]})

    def test_a_receipt_of_a_backup_is_never_written_to_an_instance(self) -> None:
        self.declare({"name": "key", "type": "path", "help": "A file"})
        self.install("--host", "10.0.0.1", "--key", "/etc/theirs")
        saved = self.backup(str(self.directory))
        self.install("--host", "10.0.0.2", "--key=")
        cut = mock.patch.object(restore, "_bring_up", side_effect=Cut)
        with cut, self.assertRaises(Cut):
            self.restore(saved)
        self.assertEqual(self.answers(self.instance), {"host": ["10.0.0.2"]})
        self.restore(saved)
        self.assertEqual(self.answers(self.instance), {"host": ["10.0.0.2"]})

    def declare(self, *more: dict[str, str]) -> None:
        """Adds answers to the bundle."""
        path = self.root / "init" / "bundle.json"
        bundle = json.loads(path.read_text())
        path.write_text(json.dumps({**bundle, "answers": [*bundle["answers"], *more]}))
        support.seal(self.root)

    def answers(self, instance: Path) -> dict[str, list[str]]:
        return dict(json.loads((instance / "receipt.json").read_text())["answers"])

    def test_the_former_state_serves_again_if_the_backup_does_not(self) -> None:
        self.install("--host", "10.0.0.1")
        saved = self.backup()
        self.install("--host", "10.0.0.2")
        saved_data = (self.instance / DATA).read_text()
        failures = iter([True])
        check = self.product.check_configuration

        def fail_once(site: Site) -> None:
            if next(failures, False):
                raise Failure(Exit.NEEDS_PERSON)
            check(site)

        self.product.check_configuration = fail_once  # type: ignore[method-assign]
        with self.assertRaises(Failure) as caught:
            self.restore(saved)
        self.assertEqual(caught.exception.exit_code, Exit.ROLLED_BACK)
        self.assertEqual((self.instance / DATA).read_text(), saved_data)
        self.install()
        self.assertEqual(self.product.calls, ["prove"])

    def test_data_in_unusual_places_survives_an_uninstall(self) -> None:
        self.product.SECRETS = ("keys", "password", "run/keys", "tmp/deep/secret")
        self.install()
        kept = [self.instance / name for name in ("run/keys/one", "tmp/deep/secret")]
        passing = [self.instance / name for name in ("run/keys.old/one", "run/socket", "tmp/deep/other")]
        for path in [*kept, *passing]:
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
        self.uninstall()
        self.assertEqual([path.exists() for path in kept + passing], [True, True, False, False, False])
        self.uninstall(Wish(purge=True, yes=True))
        self.assertFalse(any(path.exists() for path in kept))

    def test_a_purge_also_removes_data_from_places_of_other_answers(self) -> None:
        self.product.PLACES = ("data/elsewhere",)
        self.install()
        (self.instance / "data" / "elsewhere").mkdir()
        self.uninstall()
        self.assertTrue((self.instance / "data" / "elsewhere").exists())
        self.uninstall(Wish(purge=True, yes=True))
        self.assertFalse(self.instance.exists())

    def test_data_that_no_store_accepts_stops_a_restore_in_advance(self) -> None:
        self.install()
        saved = self.backup(str(self.directory))
        before = self.running()
        other = mock.patch.object(
            self.product, "stores", return_value=[Directory(self.session("status").site(), "data/elsewhere")]
        )
        with other, self.assertRaises(Failure) as caught:
            self.restore(saved)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        (problem,) = caught.exception.problems
        self.assertEqual(list(problem.details), [DATA])
        self.assertIn("migrate-database --to", problem.hint)
        self.assertEqual(self.running(), before)

    def test_a_backup_without_a_database_fails_with_a_hint(self) -> None:
        self.install()
        shutil.rmtree((self.instance / DATA).parent)
        with self.assertRaises(Failure) as caught:
            self.backup(str(self.directory))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        (problem,) = caught.exception.problems
        self.assertEqual(problem.where, str((self.instance / DATA).parent))
        self.assertRegex(problem.hint, "install.*restore")
        self.assertEqual(list(self.directory.glob("*.gz*")), [])

    def test_a_damaged_backup_touches_nothing(self) -> None:
        self.install()
        saved = self.backup(str(self.directory))
        saved.write_bytes(saved.read_bytes()[:-9])
        before = self.snapshot()
        with self.assertRaises(Failure) as caught:
            self.restore(saved)
        self.assertEqual(caught.exception.exit_code, Exit.INTEGRITY)
        self.assertEqual(self.snapshot(), before)

    def test_no_backup_replaces_a_file_or_is_written_into_the_release(self) -> None:
        self.install()
        saved = self.backup(str(self.directory))
        for path in (saved, self.root / "x.tar.gz", self.directory / "none" / "x"):
            with self.assertRaises(Failure) as caught:
                self.backup(str(path))
            self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)

    def test_automatic_backups_are_bounded_and_the_operators_kept(self) -> None:
        self.install("--host", "10.0.0.1")
        mine = self.backup()
        for number in range(2, 10):
            self.install("--host", f"10.0.0.{number}")
        self.assertEqual(len(self.automatic()), backup.KEPT)
        self.assertTrue(mine.exists())

    def test_partial_backups_of_interrupted_runs_are_removed(self) -> None:
        self.install()
        self.backup()
        half = self.instance / "backups" / f"half.tar.gz{files.TEMPORARY_SUFFIX}"
        half.write_text("x")
        self.backup()
        self.assertFalse(half.exists())

    def test_an_interrupted_purge_writes_its_last_backup_again(self) -> None:
        self.install()
        begun = self.directory / "last.tar.gz"
        begun.write_text("whole or not")
        session = self.session("uninstall")
        session.journal.begin("purge", {})
        session.journal.step("back up", file=str(begun))
        self.uninstall(Wish(purge=True, yes=True, file=str(begun)))
        self.assertEqual(archive.read(str(begun)).facts["bundle"], "demo")
        self.assertEqual([path.name for path in self.directory.glob("*.tar.gz*")], ["last.tar.gz"])

    def test_a_purge_interrupted_before_its_last_step_is_finished(self) -> None:
        place = self.directory / "place"
        make: Callable[[], None]
        for make in (self.instance.mkdir, lambda: self.instance.symlink_to(place)):
            make()
            self.uninstall(Wish(purge=True, yes=True))
            self.assertFalse(os.path.lexists(self.instance))
        with self.assertRaises(Failure) as caught:
            self.uninstall(Wish(purge=True, yes=True))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)

    def test_files_that_a_backup_cannot_hold_are_listed(self) -> None:
        self.install()
        link = self.instance / "etc" / "link"
        link.symlink_to("/etc/passwd")
        with quiet(), contextlib.redirect_stderr(io.StringIO()) as said:
            backup.backup(self.session("backup"), None)
        self.assertIn(str(link), said.getvalue())

    def test_an_account_that_bootstrap_did_not_make_is_never_removed(self) -> None:
        self.install()
        before = self.snapshot()
        with self.assertRaises(Failure) as caught:
            self.uninstall(Wish(purge=True, yes=True, account=True))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertEqual(self.snapshot(), before)
        with self.assertRaises(Failure) as caught:
            self.uninstall(Wish(account=True))
        self.assertEqual(caught.exception.exit_code, Exit.USAGE)

    def test_retries_of_a_failing_change_keep_the_backup_from_before_it(self) -> None:
        self.install("--host", "10.0.0.1")
        self.product.failing = {"migrate"}
        self.fails(Exit.NEEDS_PERSON, "--host", "10.0.0.2")
        (first,) = self.automatic()
        for _ in range(backup.KEPT + 1):
            self.fails(Exit.NEEDS_PERSON, "--host", "10.0.0.2")
        self.assertIn(first, self.automatic())
        self.assertEqual(len(self.automatic()), backup.KEPT + 1)

    def test_uninstalled_data_serves_again_after_install(self) -> None:
        self.install("--host", "10.0.0.1")
        (self.instance / "keys" / "0").write_text("key")
        self.uninstall()
        self.uninstall()
        self.assertEqual(self.running(), [])
        self.assertFalse((self.instance / "etc").exists())
        with self.assertRaises(Failure) as caught:
            self.session("status").installed()
        self.assertIn("uninstalled", caught.exception.problems[0].why)
        self.install()
        self.assertNotIn("prepare", self.product.calls)
        self.assertIn("host=10.0.0.1", self.conf())
        self.assertEqual((self.instance / "keys" / "0").read_text(), "key")
        self.assertNotIn("uninstalled", json.loads((self.instance / "receipt.json").read_text()))

    def test_a_purge_needs_yes_makes_a_last_backup_and_leaves_foreign_files(self) -> None:
        self.install()
        with self.assertRaises(Failure) as caught:
            self.uninstall(Wish(purge=True))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertEqual(len(self.running()), 1)
        foreign = self.instance / "etc" / "mine"
        foreign.write_text("x")
        self.uninstall(Wish(purge=True, yes=True))
        self.assertEqual([path for path in self.instance.rglob("*") if path.is_file()], [foreign])
        (saved,) = self.directory.glob("demo-1-*.tar.gz")
        self.assertNotIn("-before-", saved.name)

    def test_everything_is_gone_after_a_purge(self) -> None:
        self.install()
        self.uninstall(Wish(purge=True, yes=True))
        self.assertFalse(os.path.lexists(self.instance))

    def test_another_version_is_not_overwritten(self) -> None:
        self.install()
        receipt = self.instance / "receipt.json"
        document = json.loads(receipt.read_text())
        receipt.write_text(json.dumps({**document, "version": "0.9"}))
        self.assertIn("upgrade --from", self.fails(Exit.PREFLIGHT).problems[0].hint)
        receipt.write_text(json.dumps({**document, "version": "2"}))
        self.fails(Exit.PREFLIGHT)


if __name__ == "__main__":
    unittest.main()
