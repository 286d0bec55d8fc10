"""The builder's copies of the installer's rules, which check recipes."""

from __future__ import annotations

import re
import unittest

import support
from installer.bundle import render
from installer.state import instance


def listed(name: str) -> set[str]:
    """A list of words in `src/domain/service.ts`."""
    code = (support.REPOSITORY / "src" / "domain" / "service.ts").read_text(encoding="utf-8")
    found = re.search(rf"export const {name}\b[^=]*= \[([^\]]*)\]", code)
    return set(re.findall(r"'([^']+)'", found[1] if found else ""))


class BuilderTest(unittest.TestCase):
    def test_it_knows_the_filters_of_templates(self) -> None:
        self.assertEqual(listed("TEMPLATE_FILTERS"), set(render.FILTERS))

    def test_it_knows_the_installers_own_names_in_an_instance(self) -> None:
        standing = listed("INSTANCE_DIRECTORIES")
        self.assertLessEqual({"etc", "data", "run"}, standing)
        self.assertEqual(listed("RESERVED_NAMES"), (instance.OWN_NAMES - standing) | {"receipt.json"})


if __name__ == "__main__":
    unittest.main()
