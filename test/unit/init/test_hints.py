"""Commands in hints work unchanged: they name the release, and the instance if needed."""

from __future__ import annotations

import ast
import os
import re
import unittest
from collections.abc import Iterator
from pathlib import Path

import support
from installer.bundle.api import Site
from installer.host.account import Account
from installer.state.instance import Instance
from installer.state.release import Release

#: A command of bootstrap.sh as a text names it.
_COMMAND = re.compile(r"init/bootstrap\.sh [a-z]")


class HintsTest(unittest.TestCase):
    def test_the_instance_is_named_unless_it_is_the_releases_own(self) -> None:
        for root, words in (
            ("/r é/instance", "'/r é/init/bootstrap.sh' restore FILE"),
            ("/srv/it's", "'/r é/init/bootstrap.sh' restore FILE --instance '/srv/it'\"'\"'s'"),
        ):
            site = Site(Release("/r é"), Instance(root), Account("me", os.geteuid(), os.getegid(), switch=False), {})
            self.assertEqual(site.command_line("restore", "FILE"), words)

    def test_no_text_names_a_command_without_the_instance(self) -> None:
        found = [
            f"{path.relative_to(support.INIT)}:{line}: {text}"
            for path in support.INIT.rglob("*.py")
            for line, text in _texts(path)
            if _COMMAND.search(text)
        ]
        self.assertEqual(found, [], "use command_line() of Site or Session")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """String constants of a module except docstrings, with their lines."""
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation)
    return ((node.lineno, node.value) for node in nodes if isinstance(node.value, str))


if __name__ == "__main__":
    unittest.main()
