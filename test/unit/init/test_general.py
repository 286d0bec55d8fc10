"""Names of a service appear only in its own directory and in its recipe."""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterator
from pathlib import Path

import support

ENGINE = ("init/installer", "init/bootstrap.sh")
BUILDER = ("src",)
#: OpenRC is an init system; `openrc.sh` is OpenStack's file with credentials.
OPENSTACK = r"keystone|glance|openstack|fernet|/v3\b|\b5000\b|openrc\.sh|[a-z]-openrc"
#: Parsers read tokens, too, so the word is searched only where nothing is parsed.
TOKEN = r"\btokens?\b"


def lines_with(pattern: str, *places: str) -> Iterator[str]:
    """`path:number: line` of every line below the places that matches the pattern."""
    for path in sorted(path for place in places for path in files(support.REPOSITORY / place)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line, re.IGNORECASE):
                yield f"{path.relative_to(support.REPOSITORY)}:{number}: {line.strip()}"


def files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"]


class GeneralTest(unittest.TestCase):
    def test_installer_and_builder_do_not_know_what_they_install(self) -> None:
        self.assertEqual(list(lines_with(OPENSTACK, *ENGINE, *BUILDER)), [])
        self.assertEqual(list(lines_with(TOKEN, *ENGINE, "src/cli", "src/pipeline")), [])

    def test_the_search_finds_planted_names(self) -> None:
        rooms = ("init/services/keystone", "recipes/keystone", "init/services/glance")
        for pattern in (*OPENSTACK.split("|"), TOKEN):
            self.assertTrue(any(lines_with(pattern, *rooms)), pattern)

    def test_keystone_does_not_know_the_services_that_use_it(self) -> None:
        self.assertEqual(
            list(lines_with("glance|placement|nova", "init/services/keystone", "recipes/keystone/bundle.toml")), []
        )


if __name__ == "__main__":
    unittest.main()
