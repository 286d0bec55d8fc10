"""An instance for tests of stores: its `data` belongs to the service's account, which is another user if root runs the
tests."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import support
from installer.bundle.api import Site
from installer.bundle.store import UPGRADING, Store
from installer.host.account import Account
from installer.state.archive import Source
from installer.state.files import Owner
from installer.state.instance import Instance
from installer.state.release import Release

#: Lets a program continue as the service's account, after it loaded modules that only root can read here. Its arguments
#: are a path, and the account's user and group ID.
DROP = """
import os, sqlite3, sys
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(int(sys.argv[3])), os.setuid(int(sys.argv[2]))
"""


class StoreTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        switch = os.geteuid() == 0
        entry = pwd.getpwnam("nobody") if switch else pwd.getpwuid(os.geteuid())
        self.account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=switch)
        self.instance = self.directory / "instance"
        self.instance.mkdir(mode=0o755)
        self.data = self.own_directory("data")
        self.site = Site(Release(str(self.directory)), Instance(str(self.instance)), self.account, {})

    def own_directory(self, name: str) -> Path:
        """Makes a directory of the account in the instance."""
        path = self.instance / name
        path.mkdir(mode=0o700)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        if self.account.switch:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    @property
    def account_ids(self) -> list[str]:
        return [str(self.account.uid), str(self.account.gid)]

    def dump(self, store: Store) -> list[Source]:
        return list(store.dump(str(self.own_directory(f"dump{len(list(self.instance.iterdir()))}"))))

    def stage(self, pieces: Iterable[tuple[str, bytes]]) -> str:
        """The files that a restore has unpacked, in a directory that the account cannot enter."""
        place = self.instance / "restoring"
        place.mkdir(mode=0o700, exist_ok=True)
        for name, content in pieces:
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self.give(path)
        return str(place)

    def assert_no_copy(self) -> None:
        self.assertFalse(os.path.lexists(self.instance / UPGRADING))


def content_of(source: Source) -> bytes:
    with source.open() as file:
        return file.read()


def owners(root: Path) -> set[Owner]:
    found = [path.lstat() for path in (root, *root.rglob("*"))]
    return {Owner(status.st_uid, status.st_gid) for status in found}


def whats(problems: Iterable[Any]) -> list[str]:
    return [problem.what for problem in problems]
