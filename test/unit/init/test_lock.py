from __future__ import annotations

import fcntl
import os
import pwd
import signal
import subprocess
import sys
import unittest
import unittest.mock
from contextlib import AbstractContextManager

import support
from installer.errors import Exit, Failure
from installer.state import files, lock

HOLDER = f"""
import sys
sys.path.insert(0, {str(support.INIT)!r})
from installer.state import lock
with lock.exclusive(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""

NOBODY = pwd.getpwnam("nobody")
#: Holds a file like another account that can open it.
USURPER = """
import fcntl, os, sys
os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
# The process that took the lock has ended then; the one that inherited it has not.
if sys.argv[4] == "orphan" and os.fork():
    os._exit(0)
print("held", flush=True)
sys.stdin.read()
"""


class LockTest(support.DirectoryTest):
    def hold(self) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-B", "-c", HOLDER, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.release, holder)
        assert holder.stdout is not None
        self.assertEqual(holder.stdout.readline(), "held\n")
        return holder

    def usurp(self, path: str, how: str = "") -> subprocess.Popen[str]:
        """Makes the account nobody hold the file."""
        arguments = [path, str(NOBODY.pw_uid), str(NOBODY.pw_gid), how]
        holder = subprocess.Popen(
            [sys.executable, "-c", USURPER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.release, holder)
        assert holder.stdout is not None
        self.assertEqual(holder.stdout.readline(), "held\n")
        return holder

    def release(self, holder: subprocess.Popen[str]) -> None:
        if holder.poll() is None:
            os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()

    def ends_while_waited_for(self, holder: subprocess.Popen[str]) -> AbstractContextManager[object]:
        """The holder of a lock ends when another process starts to wait for it."""
        return support.waiting(lambda: self.release(holder), lock)

    def setUp(self) -> None:
        super().setUp()
        self.path = str(self.directory / "lock")

    def test_a_second_owner_is_refused_and_the_first_is_named(self) -> None:
        holder = self.hold()
        with self.assertRaises(Failure) as caught, lock.exclusive(self.path):
            pass
        self.assertEqual(caught.exception.exit_code, Exit.LOCKED)
        self.assertIn(str(holder.pid), caught.exception.problems[0].why)

    def test_a_patient_one_waits_for_an_owner_that_ends(self) -> None:
        holder = self.hold()
        with self.ends_while_waited_for(holder), lock.exclusive(self.path, patience=30):
            self.assertIsNotNone(holder.poll())

    def test_a_dead_owners_lock_is_taken(self) -> None:
        holder = self.hold()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with lock.exclusive(self.path):
            pass

    def test_it_is_free_after_a_failure_inside(self) -> None:
        with self.assertRaises(ValueError), lock.exclusive(self.path):
            raise ValueError
        with lock.exclusive(self.path):
            pass

    def test_taking_it_changes_nothing_in_the_file(self) -> None:
        with lock.exclusive(self.path):
            pass
        self.assertEqual(os.path.getsize(self.path), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_the_services_account_cannot_hold_it(self) -> None:
        with lock.exclusive(self.path):
            pass
        status = os.stat(self.path)
        self.assertEqual((status.st_uid, status.st_mode & 0o777), (0, 0o600))

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_a_lock_that_an_account_could_open_earlier_is_no_obstacle(self) -> None:
        for how in ("", "orphan"):
            with open(self.path, "w", encoding="utf-8"):
                os.chmod(self.path, 0o644)
            self.usurp(self.path, how)
            with lock.exclusive(self.path):
                # From now on no other process has the file open.
                self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
                self.assert_held()
            os.unlink(self.path)

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_root_may_hold_a_lock_that_others_can_open(self) -> None:
        with open(self.path, "w", encoding="utf-8"):
            os.chmod(self.path, 0o644)
        self.hold()
        with self.assertRaises(Failure), lock.exclusive(self.path):
            pass

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_an_install_restricts_it_to_root_and_keeps_it(self) -> None:
        with open(self.path, "w", encoding="utf-8"):
            os.chmod(self.path, 0o644)
        with lock.exclusive(self.path):
            former = os.stat(self.path).st_ino
            lock.keep_to_root(self.path)
            self.assertNotEqual(os.stat(self.path).st_ino, former)
            self.assert_held()
            lock.keep_to_root(self.path)
            self.assert_held()
        with lock.exclusive(self.path):
            pass

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_it_is_given_back_to_a_release_whose_account_opens_it(self) -> None:
        with lock.exclusive(self.path):
            lock.lend(self.path, files.Owner(0, NOBODY.pw_gid))
        status = os.stat(self.path)
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (0, NOBODY.pw_gid, 0o640))

    def assert_held(self) -> None:
        with open(self.path, "rb") as file, self.assertRaises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_the_accounts_own_lock_is_taken_too_but_not_required(self) -> None:
        own = lock.of_account(str(self.directory))
        os.mkdir(os.path.dirname(own))
        os.chown(os.path.dirname(own), NOBODY.pw_uid, NOBODY.pw_gid)
        with lock.exclusive(self.path):
            self.assertEqual(os.stat(own).st_uid, NOBODY.pw_uid)
            with open(own, "rb") as file, self.assertRaises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.usurp(own)
        with unittest.mock.patch.object(lock, "COURTESY", 0.2), lock.exclusive(self.path):
            self.assert_held()
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)):
            os.unlink(own) if not os.path.isdir(own) else os.rmdir(own)
            make(own)
            with lock.exclusive(self.path):
                pass

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_root_waits_for_the_end_of_the_accounts_work(self) -> None:
        own = lock.of_account(str(self.directory))
        os.mkdir(os.path.dirname(own))
        os.chown(os.path.dirname(own), NOBODY.pw_uid, NOBODY.pw_gid)
        with open(own, "w", encoding="utf-8"):
            os.chown(own, NOBODY.pw_uid, NOBODY.pw_gid)
        holder = self.usurp(own)
        with self.ends_while_waited_for(holder), lock.exclusive(self.path):
            self.assertIsNotNone(holder.poll())
            with open(own, "rb") as file, self.assertRaises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


if __name__ == "__main__":
    unittest.main()
