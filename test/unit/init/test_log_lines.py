"""Lines of logs, printed while the logs grow, are emptied, and are archived."""

from __future__ import annotations

import contextlib
import io
import os
import unittest
from pathlib import Path

import support
from installer.host import log_lines, logs


class LogLinesTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.places: dict[str, log_lines.Place] = {}

    @property
    def log(self) -> Path:
        return self.directory / "some.log"

    def write(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)

    def printed(self) -> list[str]:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            log_lines.print_new(str(self.directory), self.places)
        return output.getvalue().splitlines()

    def test_lines_are_printed_once_and_when_they_are_complete(self) -> None:
        self.write("one\ntwo\nthr")
        self.assertEqual(self.printed(), ["one", "two"])
        self.assertEqual(self.printed(), [])
        self.write("ee\n")
        self.assertEqual(self.printed(), ["three"])
        (self.directory / "sub").mkdir()
        (self.directory / "sub" / "later.log").write_text("four\n")
        self.assertEqual(self.printed(), ["four"])

    def test_what_was_there_before_is_not_printed(self) -> None:
        self.write("old\n")
        for path, offset, line in log_lines.ends(str(self.directory)):
            self.places[path] = log_lines.Place(offset, line.encode("latin-1"))
        self.write("new\n")
        self.assertEqual(self.printed(), ["new"])

    def test_a_log_that_was_emptied_begins_anew_even_if_it_has_grown_past_the_place(self) -> None:
        self.write("first start\n")
        self.printed()
        self.log.write_text("second start, with a longer line\n")
        self.assertEqual(self.printed(), ["second start, with a longer line"])

    def test_no_line_is_lost_or_repeated_when_a_log_is_archived(self) -> None:
        lines = [f"line {number} {'x' * (number % 97)}" for number in range(2000)]
        found = []
        for begin in range(0, len(lines), 500):
            self.write("".join(f"{line}\n" for line in lines[begin : begin + 300]))
            found += self.printed()
            # Written after the last look, and kept or archived before the next.
            self.assertTrue(logs.archive(str(self.log)))
            self.write("".join(f"{line}\n" for line in lines[begin + 300 : begin + 500]))
            found += self.printed()
            for archive in self.directory.glob("*.gz"):
                archive.unlink()
        self.assertEqual(found, lines)

    def test_a_terminal_obeys_no_line_and_other_files_are_no_logs(self) -> None:
        self.log.write_bytes(b"red \x1b[31m \xff\n")
        (self.directory / "other.txt").write_text("no log\n")
        os.symlink("/etc/passwd", self.directory / "link.log")
        os.mkfifo(self.directory / "pipe.log")
        self.assertEqual(self.printed(), ["red \\x1b[31m \\xff"])

    def test_a_line_that_never_ends_is_printed_in_parts(self) -> None:
        self.write("x" * (log_lines._PIECE + 1) + "\n")
        self.assertEqual([len(line) for line in self.printed()], [log_lines._PIECE, 1])


if __name__ == "__main__":
    unittest.main()
