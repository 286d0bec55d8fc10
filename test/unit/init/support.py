"""Makes the installer importable from the repository, and offers what several tests need."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import unittest
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

#: What the scripts of a release are written for, as argument lists.
SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "ash"], ["mksh"], ["yash"], ["ksh93"])

REPOSITORY = Path(__file__).resolve().parents[3]
#: What is tested: the repository's own, or that of a release.
INIT = Path(os.environ.get("KSBUNDLE_TEST_INIT") or REPOSITORY / "init")

sys.dont_write_bytecode = True
if str(INIT) not in sys.path:
    sys.path.insert(0, str(INIT))


def seal(release: Path) -> None:
    """Writes the manifest and the checksum list of a release as they are packed."""
    paths = sorted(str(path.relative_to(release)) for path in release.rglob("*") if not path.is_dir())
    entries = [_entry(release, path) for path in paths if path not in ("SHA256SUMS", "manifest.json")]
    (release / "manifest.json").write_text(json.dumps({"files": entries}))
    digests = {entry["path"]: entry["sha256"] for entry in entries if "sha256" in entry}
    digests["manifest.json"] = _digest(release / "manifest.json")
    (release / "SHA256SUMS").write_text("".join(f"{digests[path]}  {path}\n" for path in sorted(digests)))


def _entry(release: Path, path: str) -> dict[str, str]:
    file = release / path
    if file.is_symlink():
        return {"path": path, "target": str(file.readlink())}
    return {"path": path, "mode": f"{file.stat().st_mode & 0o777:o}", "sha256": _digest(file)}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def waiting(act: Callable[[], None], *modules: ModuleType) -> Iterator[None]:
    """Whenever one of the modules would sleep, `act` is called instead: what it waits for happens while it waits."""
    clock = SimpleNamespace(**{**vars(time), "sleep": lambda _seconds: act()})
    with ExitStack() as patched:
        for module in modules:
            patched.enter_context(unittest.mock.patch.object(module, "time", clock))
        yield


class DirectoryTest(unittest.TestCase):
    """A test with a directory of its own."""

    def need(self, program: str) -> None:
        """Skips the test, or the part of it that this is called in, where the program is not installed."""
        if shutil.which(program) is None:
            self.skipTest(f"{program} is not installed")

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="ksb é ")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name).resolve()
        # Where root runs the tests, the service's account has to get in.
        self.directory.chmod(0o755)
