"""Tests of an instance of the small product: a release of it, and what installs from it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import support
from fake_product import DAEMON, FakeProduct, end
from installer.answers import arguments, own
from installer.commands import install
from installer.engine.session import Session, open_session
from installer.errors import Exit, Failure
from installer.state.release import Release


class ProductTest(support.ReleaseTest):
    ANSWERS: Sequence[Mapping[str, Any]] = (
        {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address"},
        {"name": "once", "type": "string", "help": "For one run"},
    )
    PRODUCT = FakeProduct

    def setUp(self) -> None:
        super().setUp()
        support.make_release(self.root)
        shutil.copy2(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), self.root / "bin" / DAEMON)
        support.set_bundle(self.root, version="1", answers=self.ANSWERS)
        support.seal(self.root)
        self.product = self.PRODUCT()
        self.addCleanup(lambda: end(self.running()))

    def session(self, *argv: str) -> Session:
        release = Release(str(self.root))
        parsed = arguments.parse(argv, own.declarations(release.bundle))
        return open_session(release, self.product, parsed, {})

    def install(self, *argv: str) -> None:
        self.product.calls.clear()
        with quiet():
            install.install(self.session("install", *argv))

    def fails(self, exit_code: Exit, *argv: str) -> Failure:
        with self.assertRaises(Failure) as caught:
            self.install(*argv)
        self.assertEqual(caught.exception.exit_code, exit_code)
        return caught.exception

    def conf(self) -> str:
        return (self.instance / "etc" / "conf").read_text()

    def snapshot(self) -> dict[str, tuple[int, int]]:
        """Every file of the instance with its inode and time of change."""
        found = {}
        for path in self.instance.rglob("*"):
            status = path.lstat()
            found[str(path)] = (status.st_ino, status.st_mtime_ns)
        return found


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        yield output
