"""Makes the installer importable from the repository, and offers what several tests need."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

#: The shells that a release's scripts support, as argument lists.
SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "ash"], ["mksh"], ["yash"], ["ksh93"])

REPOSITORY = Path(__file__).resolve().parents[3]
#: The tested `init/`: the repository's, or a release's.
INIT = Path(os.environ.get("KSBUNDLE_TEST_INIT") or REPOSITORY / "init")
#: A small release as ksbundle packs it; test/unit/pack/golden.test.ts writes it.
GOLDEN = REPOSITORY / "test" / "fixtures" / "golden"
#: A receipt with every key, as the installer writes it; test_receipt.py holds it, `npm run golden` renews it.
GOLDEN_RECEIPT = REPOSITORY / "test" / "fixtures" / "receipt.json"
MANIFEST = "manifest.json"
CHECKSUMS = "SHA256SUMS"

sys.dont_write_bytecode = True
if str(INIT) not in sys.path:
    sys.path.insert(0, str(INIT))

from installer.host.processes import Process, find_processes  # noqa: E402


def bundle(**changes: Any) -> dict[str, Any]:
    """The contents of a release's `init/bundle.json`, with changes; None removes a key."""
    facts = {**json.loads((GOLDEN / "init" / "bundle.json").read_text()), **changes}
    return {key: value for key, value in facts.items() if value is not None}


def make_release(root: Path, **changes: Any) -> None:
    """Makes the golden release at `root`, with these changes to its bundle's facts."""
    shutil.copytree(GOLDEN, root, symlinks=True, dirs_exist_ok=True)
    if changes:
        set_bundle(root, **changes)
        seal(root)


def write_receipt(path: Path, **changes: Any) -> None:
    """Writes the golden receipt, with these changes to it, as the installer does."""
    from installer.state import receipt

    golden = receipt.parse(GOLDEN_RECEIPT.read_bytes(), str(GOLDEN_RECEIPT))
    receipt.write(str(path), dataclasses.replace(golden, **changes), None)


def set_bundle(root: Path, **changes: Any) -> None:
    (root / "init").mkdir(parents=True, exist_ok=True)
    (root / "init" / "bundle.json").write_text(json.dumps(bundle(**changes), indent=2, ensure_ascii=False) + "\n")


def seal(release: Path) -> None:
    """Writes the manifest and the checksum list of a release as they are packed. Facts and parts are those of the
    manifest that is there, else the golden release's."""
    manifest = release / MANIFEST
    facts = json.loads((manifest if manifest.exists() else GOLDEN / MANIFEST).read_text())
    parts = {entry["path"]: entry["part"] for entry in facts.pop("files")}
    names = [name.removeprefix(f"{release}/") for name in map(str, release.rglob("*"))]
    paths = sorted((name for name in names if _is_packed(release, name)), key=os.fsencode)
    entries = [_entry(release, path, parts.get(path, "bundle")) for path in paths]
    lines = [f"    {json.dumps(entry, ensure_ascii=False, separators=(',', ':'))}" for entry in entries]
    head = json.dumps(facts, indent=2, ensure_ascii=False).removesuffix("\n}")
    manifest.write_text(f'{head},\n  "files": [\n' + ",\n".join(lines) + "\n  ]\n}\n")
    digests = {entry["path"]: entry["sha256"] for entry in entries if "sha256" in entry}
    digests[MANIFEST] = hashlib.sha256(manifest.read_bytes()).hexdigest()
    lines = [f"{digests[path]}  {path}\n" for path in sorted(digests, key=os.fsencode)]
    (release / CHECKSUMS).write_text("".join(lines))


def _is_packed(release: Path, path: str) -> bool:
    is_own = path in (MANIFEST, CHECKSUMS, f"{CHECKSUMS}.sig") or path.partition("/")[0] == "instance"
    return not is_own and ((release / path).is_symlink() or not (release / path).is_dir())


def _entry(release: Path, path: str, part: str) -> dict[str, Any]:
    file = release / path
    if file.is_symlink():
        return {"path": path, "part": part, "target": str(file.readlink())}
    content = file.read_bytes()
    mode = "755" if file.stat().st_mode & 0o100 else "644"
    facts = {"path": path, "part": part, "mode": mode, "size": len(content)}
    digests = {"sha256": hashlib.sha256(content).hexdigest()}
    if content.startswith(b"\x7fELF"):
        digests["sha512"] = hashlib.sha512(content).hexdigest()
    return {**facts, **digests}


@contextmanager
def waiting(act: Callable[[], None], *modules: ModuleType) -> Iterator[None]:
    """Calls `act` whenever one of the modules would sleep, so that the awaited event happens."""
    clock = SimpleNamespace(**{**vars(time), "sleep": lambda _seconds: act()})
    with ExitStack() as patched:
        for module in modules:
            patched.enter_context(unittest.mock.patch.object(module, "time", clock))
        yield


def in_container(users: str, command: Sequence[str]) -> int:
    """Exit code of a command run by root of a user namespace with these users, in the form of uid_map."""
    own, null = os.readlink("/proc/self/ns/user"), subprocess.DEVNULL
    waiting = ["unshare", "--user", "sh", "-c", 'read -r _ && exec "$@"', "sh", *command]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=null, stderr=null) as child:
        while os.readlink(f"/proc/{child.pid}/ns/user") == own:
            time.sleep(0.01)
        for name, ranges in (("uid_map", users), ("gid_map", "0 0 1")):
            Path(f"/proc/{child.pid}/{name}").write_text(ranges)
        child.communicate(b"\n")
    return child.returncode


class DirectoryTest(unittest.TestCase):
    """A test with its own directory."""

    def need(self, program: str) -> None:
        """Skips the test, or the calling part of it, if the program is not installed."""
        if shutil.which(program) is None:
            self.skipTest(f"{program} is not installed")

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="ksb é ")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name).resolve()
        # If root runs the tests, the service's account must be able to enter.
        self.directory.chmod(0o755)

    def make_certificate(self, name: str, subject: str, extension: str, *, days: int = 90) -> None:
        """Writes NAME.pem and NAME.key into the directory."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]
        facts = ["-days", str(days), "-subj", subject, "-addext", extension]
        self.openssl("req", "-x509", *key, *facts, "-out", f"{name}.pem")

    def openssl(self, *argv: str) -> None:
        self.need("openssl")
        subprocess.run(["openssl", *argv], cwd=self.directory, check=True, capture_output=True)


class ReleaseTest(DirectoryTest):
    """A test with a release, and the running processes of its instance."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.directory / "release"

    @property
    def instance(self) -> Path:
        return self.root / "instance"

    def running(self) -> list[Process]:
        return find_processes(str(self.instance / "run"))
