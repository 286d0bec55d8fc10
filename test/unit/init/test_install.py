"""The life of an instance with a small product: real files, real lock, a real daemon."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import unittest
import unittest.mock
from collections.abc import Callable, Iterator

import support
from fake_product import DAEMON, DATA, Cut, cut_at, end
from installer.commands import backup, control, install, show, status, uninstall, verify
from installer.engine import place
from installer.engine.session import Session
from installer.errors import Exit, Failure, Problem, Silent
from installer.host import space
from installer.host.processes import find_processes
from installer.state import lock
from installer.state.journal import Journal
from product_site import ProductTest, quiet


class InstallTest(ProductTest):
    def test_a_version_that_replaced_the_former_one_in_its_place_names_the_way(self) -> None:
        self.install()
        support.set_bundle(self.root, version="2", answers=self.ANSWERS)
        support.seal(self.root)
        (problem,) = self.fails(Exit.PREFLIGHT).problems
        hint = problem.hint.replace("'", "")
        self.assertIn("bring 1 back in another directory, OLD", hint)
        self.assertIn("run OLD/init/bootstrap.sh install", hint)
        self.assertIn("init/bootstrap.sh upgrade --from OLD", hint)

    def test_a_session_older_than_another_install_is_refused(self) -> None:
        early = self.session("install", "--host", "10.0.0.1")
        self.install("--host", "10.0.0.2")
        late = self.session("install", "--host", "10.0.0.1")
        for session, count in ((early, 0), (late, 1)):
            self.install("--host", f"10.0.0.{3 + count}")
            with self.assertRaises(Failure) as caught, quiet():
                install.install(session)
            self.assertEqual(caught.exception.exit_code, Exit.LOCKED)
        self.assertIn("10.0.0.4", self.conf())

    def test_a_command_that_needs_an_instance_is_locked_out_during_an_install(self) -> None:
        self.instance.mkdir()
        with lock.exclusive(str(self.instance / "lock")), self.assertRaises(Failure) as caught:
            backup.backup(self.session("backup"), None)
        self.assertEqual(caught.exception.exit_code, Exit.LOCKED)

    def test_a_first_install_prepares_starts_and_proves(self) -> None:
        self.install("--host", "10.0.0.1", "--once", "secret")
        self.assertEqual(self.product.calls, ["prepare", "check", "ready", "prove"])
        (daemon,) = self.running()
        self.assertTrue(daemon.is_main)
        receipt = json.loads((self.instance / "receipt.json").read_text())
        self.assertEqual(receipt["answers"], {"host": ["10.0.0.1"]})
        self.assertIsNone(Journal(str(self.instance / "journal")).unfinished())

    def test_a_second_run_changes_nothing(self) -> None:
        self.install("--host", "10.0.0.1")
        before, (daemon,) = self.snapshot(), self.running()
        self.install()
        self.assertEqual(self.product.calls, ["prove"])
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(self.running(), [daemon])

    def test_another_host_reloads_and_migrates_without_a_trace_of_the_old(self) -> None:
        self.install("--host", "10.0.0.1")
        (daemon,) = self.running()
        self.install("--host", "10.0.0.2")
        self.assertEqual(self.product.calls, ["check", "reload", "ready", "migrate", "prove"])
        self.assertEqual(self.running(), [daemon])
        (saved,) = (self.instance / "backups").iterdir()
        self.assertIn("-before-install", saved.name)
        for path in (path for path in self.instance.rglob("*") if path.is_file() and path != saved):
            self.assertNotIn("10.0.0.1", path.read_text(), path)

    def refused_restart(self, exit_code: Exit) -> Failure:
        with self.assertRaises(Failure) as caught, quiet():
            control.restart(self.session("restart"))
        self.assertEqual(caught.exception.exit_code, exit_code)
        return caught.exception

    def test_a_restart_that_would_fail_is_refused_and_the_service_continues(self) -> None:
        self.install()
        before = self.running()
        self.product.failing = {"check"}
        self.assertIn("check failed", str(self.refused_restart(Exit.NEEDS_PERSON)))
        self.product.failing = set()
        (self.instance / "log" / "own.log").unlink()
        os.mkfifo(self.instance / "log" / "own.log")
        self.assertIn("cannot write there", str(self.refused_restart(Exit.PREFLIGHT)))
        (self.instance / "log" / "own.log").unlink()
        full = space.Volume(str(self.instance), free=0, files=None, read_only=False)
        with unittest.mock.patch.object(space, "volumes", lambda _: [full]):
            self.assertIn("the disk is full", str(self.refused_restart(Exit.PREFLIGHT)))
        self.assertEqual(self.running(), before)
        with quiet():
            control.restart(self.session("restart"))
        self.assertNotEqual(self.running(), before)

    def said(self, command: Callable[[Session], None], *argv: str) -> str:
        """The output of a successful command."""
        with quiet() as output:
            command(self.session(*argv))
        return output.getvalue()

    def test_status_says_where_it_serves_and_that_all_is_well(self) -> None:
        self.install("--host", "10.0.0.1")
        lines = self.said(lambda session: status.status(session, False), "status").splitlines()
        self.assertIn("  serves       http://10.0.0.1", lines)
        self.assertEqual(lines[-1], "  all is well")
        document = json.loads(self.said(lambda session: status.status(session, True), "status"))
        self.assertEqual(document["urls"], ["http://10.0.0.1"])

    def test_after_a_move_status_names_the_one_thing_to_do(self) -> None:
        self.install()
        end(self.running())
        self.root.rename(self.directory / "moved")
        self.root = self.directory / "moved"
        with self.assertRaises(Failure) as caught, quiet() as output:
            status.status(self.session("status"), False)
        self.assertEqual([problem.what for problem in caught.exception.problems], ["the instance was moved"])
        self.assertNotIn("all is well", output.getvalue())

    def test_derived_values_and_unset_answers_are_shown(self) -> None:
        def rows(*argv: str) -> dict[str, str]:
            shown = self.said(lambda session: show.show_config(session, False), "show-config", *argv)
            return {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines()}

        self.assertEqual(rows()["once"], "(not set) default")
        self.assertEqual(rows()["instance"], f"{self.instance} derived")
        self.assertEqual(rows("--once", "x")["once"], "x command line")

    def test_a_moved_release_restarts_in_its_place(self) -> None:
        self.install()
        (daemon,) = self.running()
        moved = self.directory / "moved"
        self.root.rename(moved)
        self.root = moved
        self.install()
        self.assertNotIn(daemon, self.running())
        self.assertIn(str(moved), self.conf())
        self.assertNotIn("prepare", self.product.calls)

    def test_a_run_interrupted_at_any_journal_line_is_finished_by_the_next(self) -> None:
        lines = self.count_lines("--host", "10.0.0.2")
        self.assertGreater(lines, 5)
        for line in range(1, lines + 1):
            with self.subTest(line=line):
                end(self.running())
                shutil.rmtree(self.instance)
                self.cut_at(line, "--host", "10.0.0.2")
                self.install()
                self.assertIn("host=10.0.0.2", self.conf())
                self.assertEqual((self.instance / DATA).read_text(), "10.0.0.2")
                self.assertIsNone(Journal(str(self.instance / "journal")).unfinished())

    def test_a_change_interrupted_at_any_journal_line_is_finished_by_the_next(self) -> None:
        self.install("--host", "10.0.0.1")
        lines = self.count_lines("--host", "10.0.0.2")
        for line in range(1, lines):
            with self.subTest(line=line):
                self.install("--host", "10.0.0.1")
                self.cut_at(line, "--host", "10.0.0.2")
                self.install()
                self.assertIn("host=10.0.0.2", self.conf())
                self.assertIn("reload", self.product.calls)

    def test_other_answers_after_an_interrupted_first_install_win(self) -> None:
        self.product.failing = {"check"}
        self.fails(Exit.NEEDS_PERSON, "--host", "10.0.0.1")
        self.product.failing = set()
        self.install("--host", "10.0.0.2")
        self.assertEqual((self.instance / DATA).read_text(), "10.0.0.2")

    def test_an_answer_unset_by_an_interrupted_run_stays_unset(self) -> None:
        self.install("--host", "10.0.0.1")
        self.cut_at(2, "--host=")
        self.cut_at(2)
        self.install()
        self.assertIn("host=127.0.0.1", self.conf())
        self.assertEqual(json.loads((self.instance / "receipt.json").read_text())["answers"], {})

    def test_an_interrupted_install_is_reported_if_nothing_is_installed(self) -> None:
        self.cut_at(1)
        for operation in ("install", "uninstall"):
            with self.assertRaises(Failure) as caught:
                status.status(self.session("status"), as_json=False)
            self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
            self.assertRegex(caught.exception.problems[1].what, f"^{operation} of .* was interrupted$")
            self.install()
            with quiet():
                uninstall.uninstall(self.session("uninstall"), uninstall.Wish())
            self.session("uninstall").journal.begin("uninstall", {})

    def cuts_of_a_change(self) -> Iterator[int]:
        """Yields an instance of 10.0.0.1 whose change to 10.0.0.2 was interrupted at each line of its journal in
        turn."""
        self.install("--host", "10.0.0.1")
        for line in range(1, self.count_lines("--host", "10.0.0.2")):
            with self.subTest(line=line):
                self.install("--host", "10.0.0.1")
                self.cut_at(line, "--host", "10.0.0.2")
                yield line

    def test_files_of_an_interrupted_change_do_not_count_as_edited(self) -> None:
        for _ in self.cuts_of_a_change():
            self.cut_at(1, "--host", "10.0.0.3")
            self.install("--host", "10.0.0.1")
            self.assertIn("host=10.0.0.1", self.conf())
            self.assertFalse((self.instance / "etc" / "conf.edited").exists())

    def test_an_edit_after_an_interrupted_change_is_kept(self) -> None:
        for _ in self.cuts_of_a_change():
            (self.instance / "etc" / "conf").write_text("mine")
            self.install()
            kept = self.instance / "etc" / "conf.edited"
            self.assertEqual(kept.read_text(), "mine")
            kept.unlink()

    def test_an_uninstall_removes_files_of_an_interrupted_change(self) -> None:
        for _ in self.cuts_of_a_change():
            with quiet():
                uninstall.uninstall(self.session("uninstall"), uninstall.Wish())
            self.assertFalse((self.instance / "etc").exists())

    def test_after_an_interrupted_change_the_service_starts_as_its_files_say(self) -> None:
        started: list[str | None] = []
        self.product.wait_ready = lambda site: started.append(site.value("host"))  # type: ignore[method-assign]
        for _ in self.cuts_of_a_change():
            for command in (control.start, control.restart):
                with quiet():
                    command(self.session("start"))
                self.assertIn(f"host={started[-1]}\n", self.conf())

    def test_a_daemon_that_runs_and_does_not_answer_is_restarted_once(self) -> None:
        self.install("--host", "10.0.0.1")
        (before,) = find_processes(str(self.instance / "run"))
        silent = Silent(before.daemon, Problem("the service does not answer"))
        for answers, restarts in (([silent, None], True), ([silent, silent], True), ([None], False)):
            with self.subTest(answers=answers):
                ready = unittest.mock.Mock(side_effect=answers)
                self.product.wait_ready = ready  # type: ignore[method-assign]
                with quiet(), self.assertRaises(Failure) if answers[-1] else contextlib.nullcontext():
                    control.start(self.session("start"))
                (after,) = find_processes(str(self.instance / "run"))
                self.assertEqual((after.pid != before.pid, ready.call_count), (restarts, len(answers)))
                before = after

    def test_a_daemon_that_does_not_answer_after_its_start_is_not_restarted(self) -> None:
        self.install("--host", "10.0.0.1")
        (found,) = find_processes(str(self.instance / "run"))
        ready = unittest.mock.Mock(side_effect=Silent(found.daemon, Problem("the service does not answer")))
        self.product.wait_ready = ready  # type: ignore[method-assign]
        with quiet(), self.assertRaises(Failure):
            control.restart(self.session("restart"))
        self.assertEqual(ready.call_count, 1)

    def count_lines(self, *argv: str) -> int:
        self.install(*argv)
        return len((self.instance / "journal").read_text().splitlines())

    def cut_at(self, line: int, *argv: str) -> None:
        """Runs install exactly until that line of its journal is written."""
        with cut_at(line), quiet(), self.assertRaises(Cut):
            install.install(self.session("install", *argv))

    def test_a_configuration_that_does_not_work_is_rolled_back(self) -> None:
        self.install("--host", "10.0.0.1")
        self.product.failing = {"check"}
        self.fails(Exit.ROLLED_BACK, "--host", "10.0.0.2")
        self.assertIn("host=10.0.0.1", self.conf())
        self.product.failing = set()
        self.install()
        self.assertEqual(self.product.calls, ["prove"])

    def test_preflight_fails_before_the_first_write(self) -> None:
        self.fails(Exit.PREFLIGHT, "--host", "bad.example")
        self.assertFalse(self.instance.exists())

    def test_a_foreign_directory_is_not_taken_over(self) -> None:
        self.instance.mkdir()
        (self.instance / "precious").write_text("x")
        self.assertIn("not empty", self.fails(Exit.PREFLIGHT).problems[0].what)
        self.assertEqual(os.listdir(self.instance), ["precious"])

    def test_a_killed_daemon_is_reported_and_started_again(self) -> None:
        self.install()
        end(self.running())
        with self.assertRaises(Failure) as caught, quiet():
            status.status(self.session("status"), as_json=False)
        self.assertIn("not running", caught.exception.problems[0].what)
        with quiet():
            control.start(self.session("start"))
        self.assertEqual(len(self.running()), 1)

    def places(self, *argv: str) -> list[str]:
        return [problem.what for problem in place.check(self.session("status", *argv))]

    def test_a_copied_or_moved_instance_is_recognised(self) -> None:
        one, other = str(self.directory / "one"), str(self.directory / "other")
        self.install("--instance", one)
        self.addCleanup(lambda: end(find_processes(f"{one}/run") or find_processes(f"{other}/run")))
        self.assertEqual(self.places("--instance", one), [])
        shutil.copytree(one, other)
        self.assertEqual(self.places("--instance", other), ["the instance is a copy"])
        shutil.rmtree(other)
        os.rename(one, other)
        self.assertEqual(self.places("--instance", other), ["the instance was moved"])
        with self.assertRaises(Failure) as caught, quiet():
            control.start(self.session("start", "--instance", other))
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)

    def test_a_missing_release_and_a_replaced_one_are_reported(self) -> None:
        one, former = str(self.directory / "one"), self.root
        self.install("--instance", one)
        self.addCleanup(lambda: end(find_processes(f"{one}/run")))
        self.root = self.directory / "elsewhere"
        shutil.copytree(former, self.root)
        self.assertEqual(self.places("--instance", one), ["the instance belongs to another release"])
        shutil.rmtree(former)
        self.assertEqual(self.places("--instance", one), ["the release was moved or removed"])
        os.rename(self.root, former)
        self.root = former
        with (self.root / "SHA256SUMS").open("a") as sums:
            sums.write(f"{'1' * 64}  more\n")
        self.assertEqual(self.places("--instance", one), ["the release was replaced by another"])

    def test_stop_and_restart(self) -> None:
        self.install()
        (daemon,) = self.running()
        with quiet():
            control.restart(self.session("restart"))
        self.assertNotIn(daemon, self.running())
        with quiet():
            control.stop(self.session("stop"))
        self.assertEqual(self.running(), [])

    def test_start_without_an_install_says_what_to_do(self) -> None:
        for command in (control.start, control.stop, control.restart):
            with self.assertRaises(Failure) as caught:
                command(self.session("status"))
            self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
            self.assertIn("install", caught.exception.problems[0].hint)

    def test_plan_prints_and_writes_nothing(self) -> None:
        with quiet() as output:
            show.plan(self.session("plan", "--host", "10.0.0.1"), None, as_json=False)
        self.assertIn("+host=10.0.0.1", output.getvalue())
        self.assertIn(f"start {DAEMON}", output.getvalue())
        self.assertFalse(self.instance.exists())

    def test_a_plan_without_steps_says_so(self) -> None:
        self.install("--host", "10.0.0.1")
        with quiet() as output, contextlib.redirect_stderr(io.StringIO()) as told:
            show.plan(self.session("plan"), None, as_json=False)
        self.assertEqual((output.getvalue(), told.getvalue()), ("", "nothing to change\n"))

    def test_verify_names_an_edit_as_one_and_a_missing_file_as_a_fault(self) -> None:
        self.install()
        (self.instance / "etc" / "conf").write_text("mine")
        with quiet() as output:
            verify.verify(self.session("verify", "--json"), as_json=True)
        document = json.loads(output.getvalue())
        self.assertEqual((document["ok"], document["edited"]), (True, ["etc/conf"]))
        (self.instance / "etc" / "conf").unlink()
        with self.assertRaises(Failure) as caught, quiet():
            verify.verify(self.session("verify"), as_json=False)
        self.assertEqual(caught.exception.exit_code, Exit.VERIFICATION)
        self.assertIn("missing", caught.exception.problems[0].what)

    def test_verify_of_a_damaged_release_without_an_instance_is_about_the_release(self) -> None:
        (self.root / "added").write_text("x")
        with self.assertRaises(Failure) as caught, quiet() as output:
            verify.verify(self.session("verify", "--json"), as_json=True)
        self.assertEqual(caught.exception.exit_code, Exit.INTEGRITY)
        self.assertEqual(len(json.loads(output.getvalue())["problems"]), 2)
        (self.root / "added").unlink()
        with self.assertRaises(Failure) as caught, quiet():
            verify.verify(self.session("verify"), as_json=False)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)

    def test_show_config_shows_where_a_value_is_from(self) -> None:
        self.install("--host", "10.0.0.1")
        with quiet() as output:
            show.show_config(self.session("show-config", "--json"), as_json=True)
        rows = {row["name"]: row for row in json.loads(output.getvalue())["answers"]}
        self.assertEqual(rows["host"], {"name": "host", "values": ["10.0.0.1"], "origin": "receipt", "derived": None})


if __name__ == "__main__":
    unittest.main()
