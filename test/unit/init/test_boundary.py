"""What root does in a directory where another user may put anything: real links, pipes and other accounts."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import unittest
import unittest.mock
from collections.abc import Callable

import support
from installer.state import boundary, files, held, trees
from installer.state.boundary import Refused
from installer.state.files import Owner

NOBODY = pwd.getpwnam("nobody")
OWNER = Owner(NOBODY.pw_uid, NOBODY.pw_gid)

#: Exchanges a directory for a link and back, as fast as it can.
EXCHANGER = """
import os, sys
parent, target, uid, gid = sys.argv[1:]
os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid))
os.chdir(parent)
os.symlink(target, "link")
print("ready", flush=True)
while True:
    for one, other in (("inner", "aside"), ("link", "inner"), ("inner", "link"), ("aside", "inner")):
        try:
            os.rename(one, other)
        except OSError:
            # Root created the directory while it was missing.
            for remove, path in ((os.unlink, "inner/0.log"), (os.rmdir, "inner")):
                try:
                    remove(path)
                except OSError:
                    pass
"""


@unittest.skipUnless(os.geteuid() == 0, "only root has something to lose")
class BoundaryTest(support.DirectoryTest):
    """`theirs` belongs to the account, `canary` to root and is outside."""

    def setUp(self) -> None:
        super().setUp()
        self.theirs = self.directory / "theirs"
        self.theirs.mkdir()
        os.chown(self.theirs, OWNER.uid, OWNER.gid)
        self.canary = self.directory / "canary"
        self.canary.mkdir(mode=0o755)
        for number in range(20):
            (self.canary / f"{number}.log").write_text("root's\n")
        self.link = self.theirs / "link"
        self.link.symlink_to(self.canary)
        self.addCleanup(self.assert_canary)

    def assert_canary(self) -> None:
        for path in (self.canary, *self.canary.iterdir()):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (0, 0), path)
        self.assertEqual({path.read_text() for path in self.canary.iterdir()}, {"root's\n"})
        self.assertEqual(len(list(self.canary.iterdir())), 20)

    def assert_refused(self, act: Callable[..., object], *arguments: object) -> None:
        signal.alarm(20)
        try:
            with self.assertRaises(OSError) as caught:
                act(*map(str, arguments))
            self.assertIsInstance(caught.exception, Refused, caught.exception)
        finally:
            signal.alarm(0)

    def test_no_path_leads_through_another_users_link(self) -> None:
        below = self.link / "0.log"
        act: Callable[[str], object]
        for act in (files.read, files.digest_file, files.status, files.remove, files.remove_directory, trees.remove):
            self.assert_refused(act, below)
        for act in (files.names, files.sync_directory):
            self.assert_refused(act, self.link)
        self.assert_refused(lambda path: files.write_atomically(path, b"x", 0o600), below)
        self.assert_refused(lambda path: files.ensure_directory(path, 0o700, OWNER), self.link)
        self.assert_refused(lambda path: files.ensure_directory(path, 0o700, OWNER), self.link / "new")
        self.assert_refused(files.rename, below, self.theirs / "taken")
        self.assert_refused(files.move, below, self.theirs / "taken")
        self.assert_refused(files.move, self.theirs / "taken", below)
        self.assert_refused(files.read, self.theirs / ".." / "canary" / "0.log")
        self.assertEqual(files.tail(str(below)), [])
        self.assertFalse(files.exists(str(below)))
        self.assertFalse(files.is_directory(str(self.link)))
        with self.assertRaises(Refused), held.appending(str(below), 0o640, OWNER, anew=True):
            pass

    def test_a_link_itself_is_removed_not_its_target(self) -> None:
        trees.remove(str(self.theirs))
        self.assertFalse(self.theirs.exists())

    def test_roots_own_links_are_followed(self) -> None:
        ours = self.directory / "ours"
        ours.symlink_to("canary")
        (self.directory / "again").symlink_to(ours / ".." / "ours")
        self.assertEqual(files.read(str(self.directory / "again" / "0.log")), b"root's\n")
        self.assertTrue(files.is_directory(str(ours)))
        endless = self.directory / "endless"
        endless.symlink_to(endless)
        with self.assertRaises(OSError):
            files.read(str(endless / "file"))

    def test_a_link_in_a_shared_directory_is_followed_only_if_it_is_roots(self) -> None:
        shared = self.directory / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        for name in ("ours", "theirs"):
            (shared / name).symlink_to(self.canary)
        os.chown(shared / "theirs", OWNER.uid, OWNER.gid, follow_symlinks=False)
        self.assertEqual(files.read(str(shared / "ours" / "0.log")), b"root's\n")
        self.assert_refused(files.read, shared / "theirs" / "0.log")
        shared.chmod(0o777)
        self.assert_refused(files.read, shared / "ours" / "0.log")

    def test_only_regular_files_with_one_name_are_read(self) -> None:
        pipe, second, socket, large = (self.theirs / name for name in ("pipe", "second", "dir", "large"))
        os.mkfifo(pipe)
        os.link(self.canary / "0.log", second)
        socket.mkdir()
        for path in (pipe, second, socket, self.link):
            self.assert_refused(files.read, path)
            self.assertEqual(files.tail(str(path)), [])
        with open(large, "wb") as file:
            file.truncate(1 << 40)
        with self.assertRaises(OSError):
            files.read(str(large))
        os.unlink(second)

    def test_a_log_is_created_only_if_no_other_users_file_is_there(self) -> None:
        os.mkfifo(self.theirs / "pipe")
        os.link(self.canary / "0.log", self.theirs / "second")
        for name in ("pipe", "second", "link"):
            with self.assertRaises(OSError), held.appending(str(self.theirs / name), 0o640, OWNER, anew=True):
                pass
        os.unlink(self.theirs / "second")
        with held.appending(str(self.theirs / "log"), 0o640, OWNER, anew=True) as log:
            os.write(log, b"first")
        with held.appending(str(self.theirs / "log"), 0o640, OWNER, anew=True) as log:
            os.write(log, b"second")
        status = (self.theirs / "log").stat()
        self.assertEqual((status.st_uid, status.st_mode & 0o777, status.st_size), (OWNER.uid, 0o640, 6))

    def test_only_logs_that_root_created_are_given_away(self) -> None:
        inner = self.theirs / "inner"
        inner.mkdir()
        (inner / "root.log").touch()
        (inner / "other.log").touch()
        os.chown(inner / "other.log", 12345, 12345)
        os.link(self.canary / "0.log", inner / "second")
        (inner / "link").symlink_to(self.canary / "1.log")
        os.mkfifo(inner / "pipe")
        trees.adopt(str(self.theirs), OWNER)
        owners = {path.name: path.lstat().st_uid for path in inner.iterdir()}
        self.assertEqual(owners, {"root.log": OWNER.uid, "other.log": 12345, "second": 0, "link": 0, "pipe": 0})
        os.unlink(inner / "second")

    def test_a_directory_that_is_exchanged_meanwhile_is_not_followed(self) -> None:
        inner = self.theirs / "inner"
        inner.mkdir()
        for number in range(20):
            (inner / f"{number}.log").touch()
        os.chown(inner, OWNER.uid, OWNER.gid)
        os.unlink(self.link)
        arguments = map(str, (self.theirs, self.canary, OWNER.uid, OWNER.gid))
        attacker = subprocess.Popen([sys.executable, "-c", EXCHANGER, *arguments], stdout=subprocess.PIPE, text=True)
        self.addCleanup(attacker.communicate)
        self.addCleanup(attacker.kill)
        assert attacker.stdout is not None
        self.assertEqual(attacker.stdout.readline(), "ready\n")
        for _ in range(300):
            for act in (self.adopt, self.hand_over, self.write, self.make):
                try:
                    act()
                except OSError:
                    continue
        self.assertIsNone(attacker.poll())
        self.assert_canary()

    def adopt(self) -> None:
        trees.adopt(str(self.theirs), OWNER)

    def hand_over(self) -> None:
        trees.hand_over(str(self.theirs / "inner"), Owner(0, 0), OWNER)

    def write(self) -> None:
        files.write_atomically(str(self.theirs / "inner" / "0.log"), b"x", 0o600, OWNER)

    def make(self) -> None:
        files.ensure_directory(str(self.theirs / "inner"), 0o700, OWNER)

    def test_a_file_exchanged_between_two_checks_is_not_given_away(self) -> None:
        """The account acts right after a directory was read."""
        inner = self.theirs / "inner"
        inner.mkdir()
        (inner / "0.log").touch()
        names = boundary.names

        def exchanging(descriptor: int, path: str) -> list[str]:
            found = names(descriptor, path)
            if path == str(inner):
                os.unlink(inner / "0.log")
                os.link(self.canary / "0.log", inner / "0.log")
            if path == str(self.theirs):
                inner.rename(self.theirs / "aside")
                self.link.rename(inner)
            return found

        with unittest.mock.patch.object(boundary, "names", exchanging):
            trees.adopt(str(inner), OWNER)
            trees.adopt(str(self.theirs), OWNER)
            trees.hand_over(str(self.directory / "theirs" / "aside"), Owner(0, 0), OWNER)
        os.unlink(self.theirs / "aside" / "0.log")

    def test_endless_trees_are_refused(self) -> None:
        path = self.theirs
        for _ in range(150):
            path = path / "d"
            path.mkdir()
        self.assert_refused(trees.remove, self.theirs)
        self.assert_refused(trees.below, self.theirs)

    def test_a_directory_of_another_user_is_not_taken_over(self) -> None:
        other = self.theirs / "other"
        other.mkdir()
        os.chown(other, 12345, 12345)
        self.assert_refused(lambda path: files.ensure_directory(path, 0o700, OWNER), other)
        ours = self.theirs / "ours"
        ours.mkdir()
        self.assertTrue(files.ensure_directory(str(ours), 0o750, OWNER))
        self.assertEqual((ours.stat().st_uid, ours.stat().st_mode & 0o777), (OWNER.uid, 0o750))


if __name__ == "__main__":
    unittest.main()
