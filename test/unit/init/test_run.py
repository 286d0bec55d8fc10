"""The foreground mode, with the small product, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from pathlib import Path

import support
from fake_product import DAEMON
from installer.errors import Exit
from installer.host.processes import read_process
from product_site import ProductTest

#: Runs the command on the product that a test has made; its first argument is the release.
RUNNER = f"""
import sys
sys.path.insert(0, {os.path.dirname(support.__file__)!r})
import support
from fake_product import FakeProduct
from installer import cli
from installer.service import composition
composition.load = lambda release: FakeProduct()
sys.exit(cli.main(sys.argv[2:], init=sys.argv[1] + "/init"))
"""

#: Prints the pid of a grandchild, whose parent ends when the command runs.
ORPHAN = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(3)
    os._exit(0)
"""


class RunTest(ProductTest):
    def start(self, *argv: str, before: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-B", "-c", before + RUNNER, str(self.root), "run", *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def wait(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not what():
            self.assertLess(time.monotonic(), deadline, "it took too long")
            time.sleep(0.05)

    def serving(self, process: subprocess.Popen[str]) -> None:
        """Waits until the process supervises: it holds the lock until its install is done."""
        self.wait(lambda: process.poll() is not None or (self.receipt.exists() and self.running()))
        self.assertIsNone(process.poll(), process.poll() is not None and process.communicate())
        # It looks for its daemons once before it waits for their ends.
        time.sleep(1.5)

    @property
    def receipt(self) -> Path:
        return self.instance / "receipt.json"

    def end(self, process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
        process.send_signal(number)
        return process.communicate(timeout=30)

    def test_it_installs_prints_logs_and_stops_on_a_signal(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start("--host", "10.0.0.1")
            self.serving(process)
            with (self.instance / "log" / "own.log").open("a") as log:
                log.write("something happened\n")
            output, errors = self.end(process, number)
            self.assertEqual(process.returncode, Exit.DONE, errors)
            self.assertEqual(output.count("something happened\n"), 1, errors)
            self.assertEqual(self.running(), [])
            self.assertIn(number.name, errors)

    def test_a_daemon_that_dies_is_started_again(self) -> None:
        process = self.start()
        self.serving(process)
        first = self.running()[0]
        os.kill(first.pid, signal.SIGKILL)
        self.wait(lambda: any(each.pid != first.pid for each in self.running()))
        _, errors = self.end(process)
        self.assertEqual(process.returncode, Exit.DONE, errors)
        self.assertIn(f"{DAEMON}: it was ended by SIGKILL", errors)

    def test_orphans_are_inherited_and_reaped(self) -> None:
        process = self.start(before=ORPHAN)
        self.serving(process)
        orphan = int(process.stdout.readline()) if process.stdout else 0
        self.wait(lambda: (found := read_process(orphan)) and found.parent == process.pid)
        os.kill(orphan, signal.SIGKILL)
        # A process that nobody reaped is still listed.
        self.wait(lambda: not os.path.exists(f"/proc/{orphan}"))
        self.end(process)

    def test_the_answers_of_a_later_command_are_kept(self) -> None:
        process = self.start("--host", "10.0.0.1")
        self.serving(process)
        self.install("--host", "10.0.0.2")
        pid = self.running()[0].pid
        os.kill(pid, signal.SIGKILL)
        self.wait(lambda: any(each.pid != pid for each in self.running()))
        self.end(process)
        self.assertIn("host=10.0.0.2", self.conf())

    def test_only_one_process_runs_an_instance_in_the_foreground(self) -> None:
        first = self.start()
        self.serving(first)
        second = self.start()
        _, errors = second.communicate(timeout=30)
        self.assertEqual(second.returncode, Exit.LOCKED)
        self.assertIn("already runs in the foreground", errors)
        self.assertEqual(len(self.running()), 1)
        self.end(first)

    def test_a_run_that_fails_leaves_nothing_running(self) -> None:
        process = self.start("--host", "bad.example")
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, Exit.PREFLIGHT)
        self.assertIn("bad host", errors)
        self.assertFalse(self.instance.exists())

    def test_an_uninstalled_instance_ends_it(self) -> None:
        process = self.start()
        self.serving(process)
        self.receipt.unlink()
        os.kill(self.running()[0].pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, Exit.PREFLIGHT, errors)


if __name__ == "__main__":
    unittest.main()
