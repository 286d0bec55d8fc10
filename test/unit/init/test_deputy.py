"""Work done as the service's account: its rights, its results, and that it cannot block root."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
import unittest
import unittest.mock

import support
from installer.errors import Exit, Failure, Problem
from installer.host import deputy
from installer.host.account import Account
from installer.state import files

NOBODY = pwd.getpwnam("nobody")
ACCOUNT = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid, switch=True)


def rights() -> list[object]:
    with open("/proc/self/status", encoding="utf-8") as file:
        facts = dict(line.split(":", 1) for line in file)
    privileges = facts["CapEff"].strip(), facts["CapPrm"].strip(), facts["NoNewPrivs"].strip()
    return [os.getresuid(), os.getresgid(), os.getgroups(), *privileges]


def fail() -> None:
    raise Failure(Exit.VERIFICATION, Problem("what", where="where", details=["one"]))


def descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class DeputyTest(support.DirectoryTest):
    def test_it_is_the_account_irrevocably(self) -> None:
        uid, gid = ACCOUNT.uid, ACCOUNT.gid
        none = "0" * 16
        self.assertEqual(ACCOUNT.run(rights), [[uid] * 3, [gid] * 3, [gid], none, none, "1"])
        self.assertEqual(os.getresuid(), (0, 0, 0))
        with self.assertRaises(PermissionError):
            ACCOUNT.run(os.setuid, 0)

    def test_errors_come_back_as_they_were(self) -> None:
        with self.assertRaises(PermissionError) as refused:
            ACCOUNT.run(os.mkdir, str(self.directory / "new"))
        self.assertEqual(refused.exception.filename, str(self.directory / "new"))
        with self.assertRaises(Failure) as caught:
            ACCOUNT.run(fail)
        self.assertEqual(caught.exception.exit_code, Exit.VERIFICATION)
        self.assertEqual(caught.exception.problems[0].details, ["one"])
        with self.assertRaises(RuntimeError):
            ACCOUNT.run(int, "no number")

    def test_it_ends_with_the_installer(self) -> None:
        """Otherwise two of them would write the same copy."""
        program = (
            "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from installer.host.account import Account\n"
            "def work(): print(os.getpid(), flush=True); [sum(range(9999)) for _ in iter(int, 1)]\n"
            f"Account('nobody', {ACCOUNT.uid}, {ACCOUNT.gid}, switch=True).run(work)"
        )
        argv = [sys.executable, "-c", program, str(support.INIT)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
            child = int(parent.stdout.readline() if parent.stdout else 0)
            parent.kill()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{child}/exe") and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(os.path.exists(f"/proc/{child}/exe"))

    def test_it_finds_only_files_that_it_can_reach(self) -> None:
        self.directory.chmod(0o700)
        for look in (files.is_taken, files.exists, files.is_directory):
            self.assertFalse(ACCOUNT.run(look, str(self.directory / "lock")))
        with self.assertRaises(PermissionError):
            ACCOUNT.run(files.names, str(self.directory))

    def test_it_inherits_no_open_file_of_root(self) -> None:
        self.enterContext(open(os.devnull, "rb"))
        # The three standard streams, the pipe, and the directory being read.
        self.assertEqual(len(ACCOUNT.run(descriptors)), 5)

    def test_a_child_that_waits_forever_is_killed(self) -> None:
        pipe = self.directory / "pipe"
        os.mkfifo(pipe, 0o666)
        with (
            unittest.mock.patch.object(deputy, "PATIENCE", 1.0),
            unittest.mock.patch.object(deputy.Progress.__init__, "__defaults__", (1.0,)),
            self.assertRaises(Failure) as caught,
        ):
            ACCOUNT.run(read_all, str(pipe))
        self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)

    def test_a_child_that_works_is_waited_for(self) -> None:
        with unittest.mock.patch.object(deputy.Progress.__init__, "__defaults__", (1.0,)):
            self.assertEqual(ACCOUNT.run(work, 2.5), "done")

    def test_a_killed_child_is_reported(self) -> None:
        with self.assertRaises(Failure):
            ACCOUNT.run(die)


def read_all(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def work(seconds: float) -> str:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
