from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import unittest

import support
from installer import lock
from installer.errors import Exit, Failure

HOLDER = f"""
import sys
sys.path.insert(0, {str(support.INIT)!r})
from installer import lock
with lock.exclusive(sys.argv[1]):
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

    def release(self, holder: subprocess.Popen[str]) -> None:
        if holder.poll() is None:
            os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()

    def setUp(self) -> None:
        super().setUp()
        self.path = str(self.directory / "lock")

    def test_a_second_owner_is_refused_and_told_who_holds_it(self) -> None:
        holder = self.hold()
        with self.assertRaises(Failure) as caught, lock.exclusive(self.path):
            pass
        self.assertEqual(caught.exception.exit_code, Exit.LOCKED)
        self.assertIn(str(holder.pid), caught.exception.problems[0].why)

    def test_a_patient_one_waits_for_an_owner_that_ends(self) -> None:
        holder = self.hold()
        ends = threading.Event()

        def end() -> None:
            ends.set()
            self.release(holder)

        timer = threading.Timer(0.3, end)
        timer.start()
        self.addCleanup(timer.join)
        with lock.exclusive(self.path, patience=30):
            self.assertTrue(ends.is_set())

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


if __name__ == "__main__":
    unittest.main()
