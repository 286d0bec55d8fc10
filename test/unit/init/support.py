"""Makes the installer importable from the repository, and offers what several tests need."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

#: What the scripts of a release are written for, as argument lists.
SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "ash"], ["mksh"], ["yash"], ["ksh93"])

REPOSITORY = Path(__file__).resolve().parents[3]
#: What is tested: the repository's own, or that of a release.
INIT = Path(os.environ.get("KSBUNDLE_TEST_INIT") or REPOSITORY / "init")

sys.dont_write_bytecode = True
if str(INIT) not in sys.path:
    sys.path.insert(0, str(INIT))


class DirectoryTest(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="ksb é ")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name).resolve()
        # Where root runs the tests, the service's account has to get in.
        self.directory.chmod(0o755)
