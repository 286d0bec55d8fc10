"""The commands of another release are run only where nobody else could have written them."""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable

import support
from installer.errors import Exit, Failure
from installer.state import former
from installer.state.instance import Instance
from installer.state.release import Release
from test_install import quiet


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
        self.instance = Instance(str(root / "own"))
        (root / "own").mkdir()
        os.chown(root / "own", 12345, 12345)

    def test_root_runs_what_is_its_own_whoever_the_instance_belongs_to(self) -> None:
        former.check(self.release, "demo", self.instance)
        with quiet():
            former.run(self.release, "stop", self.instance)
        self.assertTrue(self.ran.exists())

    def test_root_runs_nothing_that_another_user_could_have_written(self) -> None:
        for place in (self.root, self.root / "init", self.root / "init" / "bootstrap.sh"):
            os.chown(place, 12345, 12345)
            with self.subTest(place=place.name):
                act: Callable[[], None]
                for act in (
                    lambda: former.check(self.release, "demo", self.instance),
                    lambda: former.run(self.release, "stop", self.instance),
                ):
                    with self.assertRaises(Failure) as raised:
                        act()
                    self.assertEqual(raised.exception.exit_code, Exit.INTEGRITY)
                    self.assertIn("another user may change", raised.exception.problems[0].what)
            os.chown(place, 0, 0)
        self.assertFalse(self.ran.exists())


if __name__ == "__main__":
    unittest.main()
