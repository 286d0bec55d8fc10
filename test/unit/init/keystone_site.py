"""A release with Keystone's package, below a hostile path, for tests of what it derives from answers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import support
from installer.answers import answers, own
from installer.answers.answers import Source
from installer.bundle.api import Site
from installer.host.account import Account
from installer.service import composition
from installer.state.instance import Instance
from installer.state.release import Release

#: What the build writes into `init/bundle.json`.
BUNDLE: dict[str, Any] = json.loads((support.REPOSITORY / "test/fixtures/bundles/keystone.json").read_text())
HOSTILE = "key stöne & 'x' |\"y\" $1 %d"


class KeystoneSiteTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        root = self.directory / HOSTILE
        shutil.copytree(support.INIT, root / "init", ignore=shutil.ignore_patterns("__pycache__"))
        support.set_bundle(root, **BUNDLE)
        self.release = Release(str(root))
        self.product: Any = composition.load(self.release)
        self.instance = Path(root) / "instance"
        self.instance.mkdir()

    def site(self, switch: bool = False, **texts: list[str]) -> Site:
        given = Source("flag", {name.replace("_", "-"): values for name, values in texts.items()})
        resolved = answers.resolve(own.declarations(self.release.bundle), [given])
        account = Account("svc", 1234 if switch else os.geteuid(), 1234, switch)
        return Site(self.release, Instance(str(self.instance)), account, resolved)

    def rendered(self, path: str, site: Site) -> str:
        (file,) = [file for file in self.product.rendered_files(site) if file.path == path]
        return str(file.content.decode())
