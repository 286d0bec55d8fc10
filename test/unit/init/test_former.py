"""The commands of another release run only if no other user could have written them."""

from __future__ import annotations

import os
import socket
import unittest
from collections.abc import Callable

import support
from installer.errors import Exit, Failure
from installer.state import former
from installer.state.instance import Instance
from installer.state.release import Release
from product_site import quiet


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class FormerTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        root = self.directory / "old"
        support.make_release(root)
        self.ran = self.directory / "ran"
        (root / "init" / "bootstrap.sh").write_text(f"touch '{self.ran}'\n")
        support.seal(root)
        self.root = root
        self.release = Release(str(root))
        self.own = self.directory / "own"
        self.instance = Instance(str(self.own))
        (self.own / "log").mkdir(parents=True)
        os.chown(self.own / "log", 12345, 12345)
        self.record(self.release.id)

    def record(self, release_id: str) -> None:
        """Writes the receipt of an instance of that release."""
        facts = {"release_id": release_id, "release_path": str(self.root), "instance_path": str(self.own)}
        support.write_receipt(self.own / "receipt.json", **facts)

    def refused(self, exit_code: Exit) -> str:
        """Why the release's command does not run."""
        with self.assertRaises(Failure) as raised:
            former.run(self.release, "install", self.instance)
        self.assertEqual(raised.exception.exit_code, exit_code)
        self.assertFalse(self.ran.exists())
        (problem,) = raised.exception.problems
        return f"{problem.what}: {problem.why}: {problem.where}"

    def test_root_runs_its_own_release_whoever_owns_the_instance(self) -> None:
        former.check(self.release, "demo", self.instance)
        with quiet():
            former.run(self.release, "start", self.instance)
        self.assertTrue(self.ran.exists())

    def test_root_runs_no_file_that_another_user_could_have_written(self) -> None:
        for place in (self.root, self.root / "init", self.root / "init" / "bootstrap.sh"):
            os.chown(place, 12345, 12345)
            with self.subTest(place=place.name):
                act: Callable[[], None]
                for act in (
                    lambda: former.check(self.release, "demo", self.instance),
                    lambda: former.run(self.release, "start", self.instance),
                ):
                    with self.assertRaises(Failure) as raised:
                        act()
                    self.assertEqual(raised.exception.exit_code, Exit.INTEGRITY)
                    self.assertIn("another user can change", raised.exception.problems[0].what)
            os.chown(place, 0, 0)
        self.assertFalse(self.ran.exists())

    def test_root_runs_only_the_release_of_the_instance(self) -> None:
        self.record("0" * 64)
        self.assertIn("not those that the instance was installed from", self.refused(Exit.INTEGRITY))
        (self.own / "receipt.json").unlink()
        self.assertIn("not those that the instance was installed from", self.refused(Exit.INTEGRITY))
        self.record(self.release.id)
        (self.root / "init" / "bootstrap.sh").write_text(f"exec touch '{self.ran}'\n")
        self.assertIn("its bootstrap.sh was changed", self.refused(Exit.INTEGRITY))
        (self.root / "SHA256SUMS").unlink()
        self.assertIn("that is not the release of the instance", self.refused(Exit.INTEGRITY))

    def test_links_and_pipes_of_the_account_are_refused(self) -> None:
        """The former release's code may follow links there."""
        log, canary = self.own / "log" / "a.log", self.directory / "canary"
        canary.write_text("root's")
        plants: tuple[Callable[[], None], ...] = (
            lambda: log.symlink_to(canary),
            lambda: os.link(canary, log),
            lambda: os.mkfifo(log),
        )
        for plant in plants:
            plant()
            self.assertIn(str(log), self.refused(Exit.PREFLIGHT))
            log.unlink()
        log.write_text("a log")
        run = self.own / "run"
        run.mkdir()
        os.chown(run, 12345, 12345)
        os.mkfifo(run / "control")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(run / "socket"))
            with quiet():
                former.run(self.release, "install", self.instance)
        self.assertTrue(self.ran.exists())


if __name__ == "__main__":
    unittest.main()
