"""Names that the installer imports from the standard library exist in the Python that runs these tests. In CI that is
also a release's own, built against an old C library, which may lack some of it."""

from __future__ import annotations

import ast
import importlib
import sys
import unittest
from collections.abc import Iterator

import support


class NamesTest(unittest.TestCase):
    def test_every_name_of_a_module_exists(self) -> None:
        names = set(_names())
        self.assertGreater(len(names), 300)
        missing = [f"{place}: {module}.{name}" for place, module, name in sorted(names) if not _has(module, name)]
        self.assertEqual(missing, [])


def _has(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name)


def _names() -> Iterator[tuple[str, str, str]]:
    """Each `import module` … `module.name` and `from module import name`, with the file."""
    for path in [*(support.INIT / "installer").rglob("*.py"), *(support.INIT / "services").glob("*/*.py")]:
        place = str(path.relative_to(support.INIT))
        tree = ast.parse(path.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
        modules = {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and _is_standard(node.module or ""):
                yield from ((place, node.module or "", alias.name) for alias in node.names)
            if isinstance(node, ast.Attribute):
                module = modules.get(ast.unparse(node.value), "")
                if _is_standard(module):
                    yield place, module, node.attr


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


if __name__ == "__main__":
    unittest.main()
