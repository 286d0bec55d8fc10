"""The command `ask` of init/bootstrap.sh: the real installer, asked over a pipe and at a terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import unittest
from collections.abc import Mapping, Sequence

import support
from installer.answers import answers, own
from installer.errors import Exit

ANSWERS = [
    {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address of the service"},
    {"name": "port", "type": "host-port", "default": "80", "repeatable": True, "help": "Where to listen"},
    {"name": "size", "type": "integer", "minimum": 2, "help": "Number of rooms"},
    {"name": "kind", "type": "choice", "choices": ["red", "blue"], "default": "red", "help": "Colour"},
    {"name": "word", "type": "string", "secret": True, "help": "Pass word"},
]


class AskTest(support.DirectoryTest):
    """A release with the real installer."""

    def setUp(self) -> None:
        super().setUp()
        self.release = self.directory / "release"
        support.make_release(self.release, answers=ANSWERS)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(support.INIT / "installer", self.release / "init/installer", ignore=ignored, dirs_exist_ok=True)
        shutil.copy2(support.INIT / "bootstrap.sh", self.release / "init")
        python = self.release / "bin/python3"
        python.write_text(f'#!/bin/sh\nexec "{os.path.realpath(sys.executable)}" "$@"\n')
        python.chmod(0o755)
        support.seal(self.release)
        self.file = self.directory / "answers"
        self.command = [str(self.release / "init/bootstrap.sh"), "ask", str(self.file)]

    def written(self) -> Mapping[str, Sequence[str]]:
        """What `install --answers` reads from the file."""
        return answers.from_file(own.declarations(support.bundle(answers=ANSWERS)), str(self.file)).texts


class PipeTest(AskTest):
    """Over a pipe."""

    def ask(
        self, typed: str, *more: str, shell: Sequence[str] = ("sh",), environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        self.need(shell[0])
        return subprocess.run(
            [*shell, *self.command, *more],
            input=typed,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(environment or {})},
            capture_output=True,
            text=True,
        )

    def test_every_shell_passes_the_lines_on(self) -> None:
        for shell in support.SHELLS:
            with self.subTest(" ".join(shell)):
                result = self.ask("10.0.0.1\n81, 82\n\nblue\n.\n", shell=shell)
                self.assertEqual((result.returncode, result.stdout), (Exit.DONE, f"{self.file}\n"), result.stderr)
                self.assertEqual(self.written(), {"host": ["10.0.0.1"], "port": ["81", "82"], "kind": ["blue"]})
                self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
                self.file.unlink()
        self.assertFalse((self.release / "instance").exists())

    def refused(self, exit_code: Exit, typed: str, *more: str) -> str:
        """What the command says when it writes nothing."""
        result = self.ask(typed, *more)
        self.assertEqual((result.returncode, result.stdout), (exit_code, ""), result.stderr)
        self.assertFalse(self.file.exists())
        return result.stderr

    def test_a_question_tells_what_an_answer_is_and_the_value_that_it_has(self) -> None:
        (self.directory / "old").write_text("KIND=blue\n")
        result = self.ask(
            ".\n", "--answers", str(self.directory / "old"), "--size=3", environment={"KSB_WORD": "sesame"}
        )
        self.assertIn("\n--host HOST: Address of the service [127.0.0.1]\n  [127.0.0.1]: ", result.stderr)
        self.assertNotIn("--port", result.stderr)
        self.assertEqual(self.written(), {"size": ["3"], "kind": ["blue"], "word": ["sesame"]})
        self.file.unlink()
        kept = self.ask("\n" * 30, "--answers", str(self.directory / "old"), environment={"KSB_WORD": "sesame"})
        self.assertEqual(kept.returncode, Exit.DONE, kept.stderr)
        self.assertIn("--kind KIND: Colour: red, blue [red]\n  [blue]: ", kept.stderr)
        self.assertIn("--word WORD: Pass word\n  [(hidden)]: ", kept.stderr)
        self.assertNotIn("sesame", kept.stderr)
        self.assertIn("--service-name NAME: Name of the systemd units", kept.stderr)
        self.assertEqual(self.written(), {"kind": ["blue"], "word": ["sesame"]})

    def test_values_with_quotes_and_spaces_come_back(self) -> None:
        for word in ('"quoted"', "'", "a b=c #d", "ö"):
            self.ask(f"\n\n\n\n{word}\n.\n")
            self.assertEqual(self.written(), {"word": [word]})
            self.file.unlink()

    def test_a_value_that_no_line_can_hold_is_refused(self) -> None:
        for word in ("a\u2028b", "a\u2028HOST=10.6.6.6"):
            said = self.refused(Exit.USAGE, f"\n\n\n\n{word}\n.\n")
            self.assertIn("an answers file cannot hold the value of --word", said)

    def test_the_end_of_the_input_writes_nothing(self) -> None:
        for typed in ("", "10.0.0.1\n", "10.0.0.1\n81"):
            said = self.refused(Exit.USAGE, typed)
            self.assertIn("the input ended at the question for --", said)
        self.assertEqual(list(self.directory.glob("answers*")), [])

    def test_a_wrong_value_that_no_person_can_correct_ends_it(self) -> None:
        said = self.refused(Exit.USAGE, "\n\n1\n.\n")
        self.assertIn("error: not a valid value for --size: '1'\n  where: standard input", said)
        self.assertIn("why: it must be at least 2", said)
        self.assertNotIn("ses\x1bame", self.refused(Exit.USAGE, "\n\n\n\nses\x1bame\n.\n"))

    def test_a_file_that_exists_is_kept(self) -> None:
        self.file.write_text("mine")
        result = self.ask(".\n")
        self.assertEqual((result.returncode, result.stdout), (Exit.PREFLIGHT, ""))
        self.assertIn("a file of that name exists", result.stderr)
        self.assertEqual(self.file.read_text(), "mine")


class TerminalTest(AskTest):
    """At a terminal, where what is typed is shown unless the program turns that off."""

    def start(self) -> None:
        self.keyboard, screen = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            self.command,
            stdin=screen,
            stdout=subprocess.PIPE,
            stderr=screen,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            text=True,
        )
        os.close(screen)
        self.addCleanup(os.close, self.keyboard)
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def see(self, text: str) -> None:
        """Waits until the terminal shows the text after what was seen last."""
        while text not in self.shown:
            ready, _, _ = select.select([self.keyboard], [], [], 60)
            self.assertTrue(ready, f"no {text!r} in {self.shown!r}")
            self.shown += os.read(self.keyboard, 4096).decode().replace("\r", "")
        self.shown = self.shown.partition(text)[2]

    def type(self, line: str) -> None:
        os.write(self.keyboard, line.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.keyboard)[3] & termios.ECHO)

    def to_the_secret(self) -> None:
        self.start()
        for name in ("host", "port", "size", "kind"):
            self.see(f"--{name} ")
            self.see("  : " if name == "size" else "]: ")
            self.type("\n")
        self.see("--word WORD: Pass word\n  : ")

    def test_a_wrong_value_is_asked_for_again(self) -> None:
        self.start()
        self.see("[127.0.0.1]: ")
        self.type("no host!\n")
        self.see("error: not a valid value for --host: 'no host!'")
        self.see("  [127.0.0.1]: ")
        self.type("10.0.0.1\n")
        self.see("--port")
        self.type(".\n")
        self.assertEqual((self.process.communicate()[0], self.process.returncode), (f"{self.file}\n", Exit.DONE))
        self.assertEqual(self.written(), {"host": ["10.0.0.1"]})

    def test_a_secret_is_not_shown_and_then_the_terminal_is_as_before(self) -> None:
        self.to_the_secret()
        self.assertFalse(self.echoes())
        self.type("sesame\n")
        self.see("\n\n--instance")
        self.assertNotIn("sesame", self.shown)
        self.assertTrue(self.echoes())
        self.type("/srv/x\n")
        self.see("/srv/x")
        self.type(".\n")
        self.process.communicate()
        self.assertEqual(self.written(), {"word": ["sesame"], "instance": ["/srv/x"]})

    def test_an_interruption_writes_nothing_and_leaves_the_terminal_as_before(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.to_the_secret()
                self.process.send_signal(number)
                self.assertEqual((self.process.communicate()[0], self.process.returncode), ("", 128 + number))
                self.assertTrue(self.echoes())
                self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main()
