"""The installer as a program: what it ends with, and what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unittest
from typing import Any

import support
from installer.errors import Exit

BUNDLE: dict[str, Any] = {"name": "demo", "version": "1.2", "revision": 3, "init": "demo", "answers": []}


class ProgramTest(support.DirectoryTest):
    def run_installer(self, bundle: dict[str, Any], *argv: str) -> subprocess.CompletedProcess[str]:
        init = self.directory / "init"
        shutil.copytree(support.INIT / "installer", init / "installer", ignore=shutil.ignore_patterns("__pycache__"))
        (init / "bundle.json").write_text(json.dumps(bundle))
        command = [sys.executable, "-X", "utf8", "-I", "-B", str(init / "installer"), *argv]
        return subprocess.run(command, capture_output=True, text=True)

    def test_a_version_is_the_releases(self) -> None:
        self.assertEqual(self.run_installer(BUNDLE, "--version").stdout, "demo 1.2-3\n")

    def test_usage_is_an_exit_code_of_its_own(self) -> None:
        result = self.run_installer(BUNDLE, "instal")
        self.assertEqual((result.returncode, result.stdout), (Exit.USAGE, ""))
        self.assertIn("did you mean install", result.stderr)

    def test_a_fault_of_its_own_is_told_from_all_others_and_can_be_reported(self) -> None:
        result = self.run_installer({}, "install")
        self.assertEqual((result.returncode, result.stdout), (Exit.INTERNAL, ""))
        self.assertIn("Traceback", result.stderr)
        self.assertIn("bootstrap has a fault", result.stderr)


if __name__ == "__main__":
    unittest.main()
