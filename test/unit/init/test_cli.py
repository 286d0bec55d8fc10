"""The installer as a program: exit codes and output."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unittest
from typing import Any

import support
from installer.errors import Exit

BUNDLE = support.bundle()


class ProgramTest(support.DirectoryTest):
    def run_installer(self, bundle: dict[str, Any], *argv: str, streams: str = "") -> subprocess.CompletedProcess[str]:
        """`streams` are redirections of sh."""
        init = self.directory / "init"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(support.INIT / "installer", init / "installer", ignore=ignored, dirs_exist_ok=True)
        (init / "bundle.json").write_text(json.dumps(bundle))
        command = [sys.executable, "-X", "utf8", "-I", "-B", str(init / "installer"), *argv]
        around = ["sh", "-c", f'exec "$@" {streams}', "sh"] if streams else []
        return subprocess.run([*around, *command], capture_output=True, text=True)

    def test_a_version_is_the_releases(self) -> None:
        self.assertEqual(self.run_installer(BUNDLE, "--version").stdout, "demo 1.0-1\n")

    def test_usage_has_its_own_exit_code(self) -> None:
        result = self.run_installer(BUNDLE, "instal")
        self.assertEqual((result.returncode, result.stdout), (Exit.USAGE, ""))
        self.assertIn("did you mean install", result.stderr)

    def test_an_internal_error_is_distinct_and_can_be_reported(self) -> None:
        result = self.run_installer({}, "install")
        self.assertEqual((result.returncode, result.stdout), (Exit.INTERNAL, ""))
        self.assertIn("Traceback", result.stderr)
        self.assertIn("internal error in bootstrap.sh", result.stderr)

    def test_closed_streams_discard_output_and_no_file_gets_their_numbers(self) -> None:
        for streams in ("2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
            result = self.run_installer(BUNDLE, "instal", streams=streams)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (Exit.USAGE, "", ""), streams)
        self.assertEqual(self.run_installer(BUNDLE, "--version", streams=">&-").returncode, Exit.DONE)

    def test_a_result_that_cannot_be_printed_is_a_failure_but_progress_is_not(self) -> None:
        result = self.run_installer(BUNDLE, "--version", streams=">/dev/full")
        self.assertEqual(result.returncode, Exit.NEEDS_PERSON)
        self.assertIn("the disk is full\n  where: standard output", result.stderr)
        self.assertEqual(self.run_installer(BUNDLE, "instal", streams="2>/dev/full").returncode, Exit.USAGE)


if __name__ == "__main__":
    unittest.main()
