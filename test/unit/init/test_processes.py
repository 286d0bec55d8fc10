from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock
from contextlib import AbstractContextManager

import support
from installer.errors import Exit, Failure
from installer.host import processes
from installer.host.account import Account
from installer.host.processes import Daemon

SELF = Account("me", os.geteuid(), os.getegid(), switch=False)


class ProcessTest(support.DirectoryTest):
    """Real processes: copies of sleep under other names, started as the daemon `one` or another."""

    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory / "run"
        for name in ("", "one", "two"):
            (self.place / name).mkdir()
        self.program = self.directory / "ksbsleeper"
        shutil.copy2(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), self.program)

    def spawn(self, *wrapper: str, name: str = "one") -> subprocess.Popen[bytes]:
        argv = [*wrapper, str(self.program), "60"]
        daemon = Daemon(name, argv, log=str(self.directory / f"{name}.log"))
        child = processes.spawn(daemon, str(self.place), SELF, {"PATH": "/bin"})
        self.addCleanup(self.end, child)
        self.assertTrue(processes.wait_until(lambda: child.pid in {process.pid for process in self.find()}, 5))
        return child

    def spawn_unplaced(self) -> subprocess.Popen[bytes]:
        """Starts it like former releases."""
        child = subprocess.Popen([str(self.program), "60"], cwd=self.place, start_new_session=True)
        self.addCleanup(self.end, child)
        return child

    def end(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is None:
            child.kill()
        child.wait()

    def find(self, former: str = "") -> list[processes.Process]:
        return processes.find_processes(str(self.place), former=former)

    def test_two_daemons_of_one_program_are_distinguished(self) -> None:
        one, two = self.spawn(name="one"), self.spawn(name="two")
        self.assertEqual({process.pid: process.daemon for process in self.find()}, {one.pid: "one", two.pid: "two"})
        processes.stop([process for process in self.find() if process.daemon == "one"])
        self.assertEqual(one.wait(), -signal.SIGTERM)
        self.assertEqual([process.pid for process in self.find()], [two.pid])

    def test_a_daemon_that_overwrites_its_title_and_its_environment_is_known(self) -> None:
        title = "import ctypes; ctypes.CDLL(None).prctl(15, b'another name'); import time; time.sleep(60)"
        self.spawn("/usr/bin/env", "-i", sys.executable, "-c", title)
        self.assertTrue(processes.wait_until(lambda: self.find()[0].name == "another name", 5))
        self.assertEqual(self.find()[0].daemon, "one")

    def test_an_orphaned_worker_is_recognised(self) -> None:
        child = self.spawn("/bin/sh", "-c", '"$@" & wait', "sh")
        self.assertTrue(processes.wait_until(lambda: len(self.find()) == 2, 5))
        (worker,) = processes.find_workers(next(process for process in self.find() if process.is_main))
        child.kill()
        child.wait()
        (left,) = self.find()
        self.assertEqual((left.pid, left.daemon, left.is_main), (worker.pid, "one", False))
        processes.stop([left])
        self.assertEqual(self.find(), [])

    def test_a_worker_that_leads_a_session_is_not_the_daemon_which_ends_at_its_own_signal(self) -> None:
        code = (
            "import os, signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "child = subprocess.Popen(sys.argv[1:], start_new_session=True); "
            "signal.signal(signal.SIGINT, lambda *_: (child.kill(), child.wait(), os._exit(7))); signal.pause()"
        )
        child = self.spawn(sys.executable, "-c", code)
        self.assertTrue(processes.wait_until(lambda: len(self.find()) == 2, 5))
        found = processes.find_processes(str(self.place), endings={"one": signal.SIGINT})
        self.assertEqual([process.pid for process in found if process.is_main], [child.pid])
        self.assertEqual([process.session == process.pid for process in found], [True, True])
        threading.Thread(target=child.wait).start()
        processes.stop(found)
        self.assertEqual(child.wait(), 7)

    def test_a_daemon_may_change_to_its_data_directory_only(self) -> None:
        places = [self.place.parent / "data" / "one", self.place.parent / "other" / "one"]
        for place in places:
            place.mkdir(parents=True)
        children = [subprocess.Popen([str(self.program), "60"], cwd=place, start_new_session=True) for place in places]
        for child in children:
            self.addCleanup(self.end, child)
        self.assertEqual({process.pid: process.daemon for process in self.find()}, {children[0].pid: "one"})
        # Like after a move to another file system.
        former = str(self.place)
        shutil.rmtree(places[0])
        self.place = self.directory / "elsewhere" / "run"
        self.place.mkdir(parents=True)
        self.assertEqual([process.pid for process in self.find(former=former)], [children[0].pid])

    def test_a_daemon_of_a_former_release_has_the_name_of_its_program(self) -> None:
        child, placed = self.spawn_unplaced(), self.spawn()
        self.assertEqual([process.pid for process in self.find()], [placed.pid])
        found = processes.find_processes(str(self.place), unplaced=("ksbsleeper",))
        self.assertEqual(
            {process.pid: process.daemon for process in found}, {child.pid: "ksbsleeper", placed.pid: "one"}
        )

    def test_a_daemon_of_a_former_release_is_found_after_a_move_to_another_file_system(self) -> None:
        child = self.spawn_unplaced()
        former = str(self.place)
        shutil.rmtree(self.place)
        self.place = self.directory / "copy"
        self.place.mkdir()
        found = processes.find_processes(str(self.place), unplaced=("ksbsleeper",), former=former)
        self.assertEqual([process.pid for process in found], [child.pid])

    def test_a_daemon_is_found_as_leader_of_its_session(self) -> None:
        child = self.spawn()
        (found,) = self.find()
        self.assertEqual(found.pid, child.pid)
        self.assertTrue(found.is_main)

    def test_a_moved_instance_finds_its_daemon(self) -> None:
        child = self.spawn()
        moved = self.directory / "moved"
        self.place.rename(moved)
        self.place = moved
        self.assertEqual([process.pid for process in self.find()], [child.pid])

    def test_one_moved_to_another_file_system_finds_it_too(self) -> None:
        child = self.spawn()
        former = str(self.place)
        shutil.rmtree(self.place)
        self.place = self.directory / "copy"
        self.place.mkdir()
        self.assertEqual(self.find(), [])
        self.assertEqual([process.pid for process in self.find(former)], [child.pid])

    def test_a_copied_instance_leaves_the_original_alone(self) -> None:
        self.spawn()
        former = str(self.place)
        self.place = self.directory / "copy"
        self.place.mkdir()
        self.assertEqual(self.find(former), [])

    def test_processes_above_and_below_the_directories_of_daemons_are_not_ours(self) -> None:
        (self.place / "one" / "below").mkdir()
        for place in (self.place, self.place / "one" / "below"):
            child = subprocess.Popen(
                [sys.executable, "-c", "import sys; sys.stdin.read()"], cwd=place, stdin=subprocess.PIPE
            )
            self.assertEqual(self.find(), [])
            child.communicate()

    def test_only_processes_of_the_directorys_owner_are_ours(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root sees the processes of several users as its own")
        self.spawn()
        (found,) = self.find()
        os.chown(self.place, 65534, 65534)
        self.assertEqual(self.find(), [])
        processes.stop([dataclasses.replace(found, uid=65534)])
        self.assertTrue(processes.is_alive(found))

    def test_another_file_in_place_of_its_directory_is_reported(self) -> None:
        place = self.place / "two"
        place.rmdir()
        for what in ("nothing", "a file", "a link to itself"):
            place.unlink(missing_ok=True)
            if what == "a file":
                place.touch()
            elif what == "a link to itself":
                place.symlink_to(place)
            with self.subTest(what), self.assertRaises(Failure) as caught:
                self.spawn(name="two")
            self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)
            self.assertEqual(caught.exception.problems[0].where, str(place))

    def test_stop_ends_it_and_waits(self) -> None:
        child = self.spawn()
        processes.stop(self.find())
        self.assertEqual(child.wait(), -signal.SIGTERM)
        self.assertEqual(self.find(), [])

    def test_a_daemon_that_ignores_sigterm_is_killed(self) -> None:
        child = self.spawn("/bin/sh", "-c", "trap '' TERM; exec \"$@\"", "sh")
        # Before that, the shell may not have set the trap.
        runs = processes.wait_until(lambda: [each.name for each in self.find()] == [self.program.name], 5)
        self.assertTrue(runs)
        processes.stop(self.find(), seconds=0.2)
        self.assertEqual(child.wait(), -signal.SIGKILL)

    def test_a_reused_pid_is_not_the_same_process(self) -> None:
        self.spawn()
        (found,) = self.find()
        other = dataclasses.replace(found, started=found.started - 1)
        self.assertTrue(processes.is_alive(found))
        self.assertFalse(processes.is_alive(other))
        processes.stop([other])
        self.assertTrue(processes.is_alive(found))

    def test_patience_ends_without_progress(self) -> None:
        self.spawn()
        patience = processes.Patience(idle=0.3, longest=60)
        self.assertFalse(patience.is_over(self.find()))
        self.assertTrue(processes.wait_until(lambda: patience.is_over(self.find()), 5))

    def test_patience_lasts_during_progress_but_not_forever(self) -> None:
        shutil.copy2(os.path.realpath("/bin/sh"), self.program)
        child = self.spawn(str(self.program), "-c", "while :; do :; done")
        with self.at(0):
            busy, short = processes.Patience(idle=3, longest=60), processes.Patience(idle=60, longest=3)
        self.work_on(child)
        with self.at(2.9):
            self.assertFalse(busy.is_over(self.find()))
            self.assertFalse(short.is_over(self.find()))
        self.work_on(child)
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        for now, is_over in ((5.8, False), (8.7, False), (8.9, True)):
            with self.subTest(now=now), self.at(now):
                self.assertEqual(busy.is_over(self.find()), is_over)
                self.assertTrue(short.is_over(self.find()))

    def work_on(self, child: subprocess.Popen[bytes]) -> None:
        """Returns when the process has used another second of processor time according to the kernel."""
        process = processes.read_process(child.pid)
        assert process is not None
        before = processes._cpu_seconds(process)
        self.assertTrue(processes.wait_until(lambda: processes._cpu_seconds(process) > before, 120))

    def at(self, seconds: float) -> AbstractContextManager[object]:
        """Freezes the clock at that time, however busy this machine is."""
        return unittest.mock.patch.object(time, "monotonic", return_value=seconds)

    def test_no_directory_has_no_processes(self) -> None:
        self.assertEqual(processes.find_processes(str(self.directory / "none")), [])

    def test_the_environment_is_closed_and_output_is_kept(self) -> None:
        daemon = Daemon("one", ["/usr/bin/env"], log=str(self.directory / "log"))
        child = processes.spawn(daemon, str(self.place), SELF, {"A": "1"})
        child.wait()
        self.assertEqual((self.directory / "log").read_text(), "A=1\n")


if __name__ == "__main__":
    unittest.main()
