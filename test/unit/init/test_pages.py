"""The pages for operators: their commands are command lines, and their tables are those of the code."""

from __future__ import annotations

import re
import shlex
import unittest
from collections.abc import Iterator

import support
from installer.answers import arguments, own
from installer.errors import Exit
from keystone_site import BUNDLE

DOCS = support.REPOSITORY / "docs"
NAMES = ("README", "how-to", "air-gap", "troubleshooting", "bootstrap", "keystone", "serving", "verification")
PAGES = (support.REPOSITORY / "README.md", *(DOCS / f"{name}.md" for name in NAMES))


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each bootstrap.sh in a page's blocks for a shell."""
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if "bootstrap.sh" not in line:
                continue
            words = shlex.split(line, comments=True)
            for index, word in enumerate(words):
                if word.endswith("init/bootstrap.sh"):
                    rest = words[index + 1 :]
                    yield rest[: rest.index("&&")] if "&&" in rest else rest


class PagesTest(unittest.TestCase):
    def test_every_command_in_them_is_a_command_line(self) -> None:
        declared = own.declarations(BUNDLE)
        found = [(page.name, argv) for page in PAGES for argv in commands(page.read_text())]
        self.assertGreater(len(found), 30)
        for name, argv in found:
            with self.subTest(page=name, command=argv):
                arguments.parse(argv, declared)

    def test_bootstrap_md_lists_the_exit_codes(self) -> None:
        _, _, section = (DOCS / "bootstrap.md").read_text().partition("\n## Exit codes\n")
        codes = re.findall(r"^\| (\d) ", section.partition("\n## ")[0], re.MULTILINE)
        self.assertEqual([int(code) for code in codes], sorted(Exit))
