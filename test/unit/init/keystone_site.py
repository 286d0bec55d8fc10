"""A release with Keystone's package, below a hostile path, for tests of what it derives from answers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import support
from installer.answers import answers, own
from installer.answers.answers import Source
from installer.bundle.api import Site
from installer.errors import Exit, Failure
from installer.host.account import Account
from installer.service import composition
from installer.state.instance import Instance
from installer.state.release import Release


def bundle(name: str) -> dict[str, Any]:
    """What the build writes into `init/bundle.json`."""
    found: dict[str, Any] = json.loads((support.REPOSITORY / f"test/fixtures/bundles/{name}.json").read_text())
    return found


BUNDLE = bundle("keystone")
#: A certificate as far as the installer looks at it.
BLOCK = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
HOSTILE = "key stöne & 'x' |\"y\" $1 %d"


class KeystoneSiteTest(support.DirectoryTest):
    bundle = BUNDLE

    def setUp(self) -> None:
        for service in self.bundle["services"]:
            if not (support.INIT / "services" / service["name"]).exists():
                self.skipTest(f"the bundle of {support.INIT} has no service {service['name']}")
        super().setUp()
        root = self.directory / HOSTILE
        shutil.copytree(support.INIT, root / "init", ignore=shutil.ignore_patterns("__pycache__"))
        support.set_bundle(root, **self.bundle)
        self.release = Release(str(root))
        self.product: Any = composition.load(self.release)
        self.instance = Path(root) / "instance"
        self.instance.mkdir()

    def site(self, switch: bool = False, **texts: list[str]) -> Site:
        given = Source("flag", {name.replace("_", "-"): values for name, values in texts.items()})
        resolved = answers.resolve(own.declarations(self.release.bundle), [given])
        account = Account("svc", 1234 if switch else os.geteuid(), 1234, switch)
        return Site(self.release, Instance(str(self.instance)), account, resolved)

    def file(self, name: str, text: str) -> str:
        """The path of a new file of the operator's."""
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def rendered(self, path: str, site: Site) -> str:
        (file,) = [file for file in self.product.rendered_files(site) if file.path == path]
        return str(file.content.decode())


class ServerAnswersTest(KeystoneSiteTest):
    """Tests of the answers about an operator's server."""

    #: The answer that names the server, as a parameter of `site`.
    server: str

    def own(self) -> dict[str, list[str]]:
        """Answers that name a server, and are accepted."""
        raise NotImplementedError

    def answers(self, **texts: list[str]) -> dict[str, Any]:
        """Those, with these in their place; an empty one is left out."""
        return {name: values for name, values in {**self.own(), **texts}.items() if values}

    def problems(self, **texts: list[str]) -> list[str]:
        return [f"{each.what}: {each.why}" for each in self.product.check_answers(self.site(**self.answers(**texts)))]

    def check_refused(self, cases: Iterable[tuple[dict[str, list[str]], str]]) -> None:
        """Each of the answers is refused in these words, which show no secret, and nothing is rendered for a server."""
        for texts, words in cases:
            found = self.problems(**texts)
            self.assertTrue(any(words in problem for problem in found), (texts, found))
            self.assertNotIn("s3cret", repr(found))
            if texts.get(self.server, [""]):
                with self.assertRaises(Failure) as caught:
                    self.product.rendered_files(self.site(**self.answers(**texts)))
                self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
