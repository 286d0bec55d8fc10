"""Daemons whose directories the service's account has moved or removed. Processes are real."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

import product_site
import support
from installer.commands import control, status, uninstall
from installer.host import processes, strays
from installer.host.account import Account
from installer.host.processes import Daemon
from installer.state.instance import Instance

SELF = Account("me", os.geteuid(), os.getegid(), switch=False)


class StraysTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.program = self.directory / "ksbsleeper"
        shutil.copy2(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), self.program)
        self.one, self.other = self.make("one"), self.make("other")

    def make(self, name: str) -> Instance:
        instance = Instance(str(self.directory / name))
        (self.directory / name / "run" / "d").mkdir(parents=True)
        Path(instance.lock).touch()
        return instance

    def spawn(self, instance: Instance, *argv: str) -> tuple[Daemon, subprocess.Popen[bytes]]:
        daemon = Daemon("d", argv, log=instance.path("log"))
        child = processes.spawn(daemon, instance.run, SELF, {"PATH": "/bin:/usr/bin"})
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return daemon, child

    def strays(self, instance: Instance, daemon: Daemon, *shared: str) -> list[int]:
        known = processes.find_processes(instance.run)
        found = strays.find(instance, [daemon], shared, known)
        return [process.pid for process in found if process not in known]

    def move(self, instance: Instance) -> None:
        """Moves the daemon's directory elsewhere, and puts another one in its place."""
        shutil.move(instance.path("run", "d"), self.directory / f"moved-{os.path.basename(instance.root)}")
        os.mkdir(instance.path("run", "d"))

    def test_a_daemon_is_found_by_its_program_when_its_directory_was_moved(self) -> None:
        daemon, child = self.spawn(self.one, str(self.program), "60")
        self.assertEqual(self.strays(self.one, daemon), [])
        self.move(self.one)
        self.assertEqual(processes.find_processes(self.one.run), [])
        self.assertEqual(self.strays(self.one, daemon), [child.pid])
        self.assertEqual(self.strays(self.one, daemon, str(self.program)), [])

    def test_a_daemon_keeps_its_name_when_its_directory_was_removed(self) -> None:
        daemon, child = self.spawn(self.one, str(self.program), "60")
        shutil.rmtree(self.one.path("run", "d"))
        (process,) = processes.find_processes(self.one.run)
        self.assertEqual((process.pid, process.daemon, process.is_main), (child.pid, "d", True))
        self.assertEqual(self.strays(self.one, daemon), [])

    def test_a_daemon_is_found_by_its_command_line_when_its_moved_directory_was_removed(self) -> None:
        daemon, child = self.spawn(self.one, str(self.program), "60", "0")
        self.move(self.one)
        shutil.rmtree(self.directory / "moved-one")
        self.assertEqual(self.strays(self.one, daemon), [])
        named, child = self.spawn(self.one, "/bin/sh", "-c", "sleep 60; :", self.one.root)
        self.move(self.one)
        shutil.rmtree(self.directory / "moved-one")
        self.assertIn(child.pid, self.strays(self.one, named))

    def test_a_daemon_is_named_by_its_command_line_when_its_directory_was_renamed(self) -> None:
        daemon, child = self.spawn(self.one, str(self.program), "60")
        os.rename(self.one.path("run", "d"), self.one.path("run", "x"))
        (known,) = processes.find_processes(self.one.run)
        (found,) = strays.find(self.one, [daemon], (), [known])
        self.assertEqual((found.pid, known.daemon, found.daemon, found.is_main), (child.pid, "x", "d", True))

    def test_a_daemon_of_another_instance_is_left_alone(self) -> None:
        daemon, _ = self.spawn(self.other, str(self.program), "60")
        self.assertEqual(self.strays(self.one, daemon), [])

    def test_a_command_line_that_names_the_instance_tells_whose_it_is(self) -> None:
        shell = "/bin/sh"
        one, child = self.spawn(self.one, shell, "-c", "sleep 60; :", self.one.root)
        other, _ = self.spawn(self.other, shell, "-c", "sleep 60; :", self.other.root)
        self.assertTrue(processes.wait_until(lambda: len(processes.find_processes(self.one.run)) == 2, 5))
        workers = {process.pid for process in processes.find_processes(self.one.run)}
        self.move(self.one)
        self.move(self.other)
        self.assertEqual(set(self.strays(self.one, one, shell)), workers)
        self.assertIn(child.pid, workers)
        self.assertNotIn(child.pid, self.strays(self.other, other, shell))


class UninstallTest(product_site.ProductTest):
    def hide(self) -> int:
        """Installs, and hides the daemon as its account can; returns its pid."""
        self.install()
        (process,) = self.running()
        shutil.move(self.instance / "run" / process.daemon, self.directory / "hidden")
        (self.instance / "run" / process.daemon).mkdir()
        self.assertEqual(self.running(), [])
        return process.pid

    def test_status_sees_a_hidden_daemon_and_stop_ends_it(self) -> None:
        pid = self.hide()
        with product_site.quiet() as output:
            status.status(self.session("status"), as_json=False)
        self.assertIn(f"process {pid}", output.getvalue())
        with product_site.quiet():
            control.stop(self.session("stop"))
        self.assertIsNone(processes.read_process(pid))

    def test_uninstall_leaves_no_hidden_daemon(self) -> None:
        pid = self.hide()
        with product_site.quiet():
            uninstall.uninstall(self.session("uninstall"), uninstall.Wish())
        self.assertIsNone(processes.read_process(pid))


if __name__ == "__main__":
    unittest.main()
