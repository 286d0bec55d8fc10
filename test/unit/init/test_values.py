from __future__ import annotations

import json
import os
import unittest
from typing import Any

import support
from installer.answers import answers
from installer.answers.answers import Source
from installer.answers.values import canonical, join_host, split_host_port
from installer.errors import Exit, Failure

#: Values of every type with the expected results; the tests of ksbundle read it, too.
TABLE: dict[str, Any] = json.loads((support.REPOSITORY / "test" / "fixtures" / "answer-values.json").read_text())


class CanonicalTest(unittest.TestCase):
    def test_valid_values_have_one_form_and_others_are_refused(self) -> None:
        for kind, texts in TABLE["types"].items():
            for text, value in texts["valid"].items():
                with self.subTest(kind=kind, text=text):
                    self.assertEqual(canonical(kind, text), value)
                    self.assertEqual(canonical(kind, value), value)
            for text in texts["invalid"]:
                with self.subTest(kind=kind, text=text), self.assertRaises(ValueError):
                    canonical(kind, text)

    def test_a_path_is_made_absolute(self) -> None:
        self.assertEqual(canonical("path", "x/../y"), os.path.join(os.getcwd(), "y"))

    def test_parts(self) -> None:
        self.assertEqual(split_host_port("[::1]:5000"), ("::1", 5000))
        self.assertEqual(split_host_port("5000"), ("", 5000))
        self.assertEqual(join_host("::1"), "[::1]")
        self.assertEqual(join_host("a.example"), "a.example")


class RuleTest(unittest.TestCase):
    def resolve(self, declaration: dict[str, Any], *texts: str) -> answers.Answers:
        declared = answers.declarations([{"name": "it", "type": "string", "help": "It", **declaration}])
        return answers.resolve(declared, [Source("flag", {"it": texts})])

    def test_a_rule_is_matched_by_the_whole_value(self) -> None:
        for row in TABLE["rules"]:
            for text in row["valid"]:
                with self.subTest(rule=row["rule"], text=text):
                    self.assertEqual(self.resolve({"rule": row["rule"]}, text)["it"].values, (text,))
            for text in row["invalid"]:
                with self.subTest(rule=row["rule"], text=text), self.assertRaises(Failure):
                    self.resolve({"rule": row["rule"]}, text)

    def test_a_default_is_checked_like_a_given_value_and_can_be_overridden(self) -> None:
        wrong = {"type": "host-port", "default": "65536"}
        for given in ([], [""]):
            with self.subTest(given=given), self.assertRaises(Failure) as caught:
                self.resolve(wrong, *given)
            self.assertEqual(caught.exception.exit_code, Exit.USAGE)
            (problem,) = caught.exception.problems
            self.assertEqual((problem.what, problem.where), ("not a valid value for --it: '65536'", "default"))
        self.assertEqual(self.resolve(wrong, "80")["it"].values, ("80",))
        self.assertEqual(self.resolve({"type": "host", "default": "Keystone."})["it"].values, ("keystone",))


if __name__ == "__main__":
    unittest.main()
