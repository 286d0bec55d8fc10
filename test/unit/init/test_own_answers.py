"""The installer's own answers, and the names that no bundle can take."""

from __future__ import annotations

import re
import unittest

import keystone_site
import support
from installer.answers import answers, command_table, own

BUNDLE = {"name": "demo", "answers": [{"name": "host", "type": "host", "help": "Address"}]}
#: Options of the installer that are neither answers nor options of one command.
EVERYWHERE = {"answers", "help", "require-signature", "version"}


class OwnAnswersTest(unittest.TestCase):
    def test_they_follow_those_of_the_bundle(self) -> None:
        names = list(own.declarations(BUNDLE))
        self.assertEqual(names, ["host", "instance", "user", "create-user", "service", "service-name"])

    def test_defaults_and_help_name_the_bundle(self) -> None:
        declared = own.declarations(BUNDLE)
        self.assertEqual(declared["service-name"].default, "ksbundle-demo")
        self.assertIn("; demo if it exists", declared["user"].help)

    def test_defaults_are_valid(self) -> None:
        declared = own.declarations(BUNDLE)
        given = {name: [entry.default] for name, entry in declared.items() if entry.default is not None}
        self.assertEqual(answers.resolve(declared, [answers.Source("flag", given)])["service"].values, ("none",))

    def test_the_builder_refuses_a_recipe_with_one_of_their_names(self) -> None:
        listed = (support.REPOSITORY / "src" / "recipe" / "reserved-answers.ts").read_text(encoding="utf-8")
        options = {option.name for command in command_table.COMMANDS.values() for option in command.options}
        taken = options | EVERYWHERE | set(own.declarations({**BUNDLE, "answers": []}))
        self.assertEqual(set(re.findall(r"^  '([a-z-]+)',$", listed, re.MULTILINE)), taken)

    def test_keystone_declares_none_of_them(self) -> None:
        declared = {entry["name"] for entry in keystone_site.BUNDLE["answers"]}
        self.assertEqual(declared & set(own.declarations({**BUNDLE, "answers": []})), set())


if __name__ == "__main__":
    unittest.main()
