"""The installer's rooms: a module imports from its own room and from those below it."""

from __future__ import annotations

import ast
import unittest
from collections.abc import Iterator
from pathlib import Path

import support

#: From the bottom up. `errors` and `report` are below all rooms, `cli` above them.
ROOMS = (
    "errors",
    "report",
    "answers",
    "state",
    "host",
    "bundle",
    "kit",
    "manager",
    "service",
    "engine",
    "commands",
    "cli",
    "__main__",
)
INSTALLER = support.INIT / "installer"


def imports(module: Path) -> Iterator[str]:
    """The installer's names that a module imports, as paths from the installer's directory."""
    place = module.relative_to(INSTALLER).parts[:-1]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = place[: len(place) - node.level + 1]
            for alias in node.names:
                yield "/".join((*above, *(node.module or alias.name).split(".")))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("installer."):
            yield node.module.removeprefix("installer.").replace(".", "/")


def room_of(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


class RoomsTest(unittest.TestCase):
    def test_no_import_goes_up(self) -> None:
        found = []
        for module in sorted(INSTALLER.rglob("*.py")):
            name = str(module.relative_to(INSTALLER))
            if name == "__init__.py":
                continue
            for target in imports(module):
                if ROOMS.index(room_of(target)) > ROOMS.index(room_of(name)):
                    found.append(f"{name} -> {target}")
        self.assertEqual(found, [])

    def test_every_room_is_known(self) -> None:
        there = {path.name.removesuffix(".py") for path in INSTALLER.iterdir()} - {"__init__", "__pycache__"}
        self.assertEqual(there, set(ROOMS))


if __name__ == "__main__":
    unittest.main()
