from __future__ import annotations

import unittest
from collections.abc import Sequence

import support
from installer.answers import answers
from installer.answers.answers import Declaration, Source
from installer.errors import Exit, Failure

DECLARED = answers.declarations(
    [
        {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address"},
        {"name": "port", "type": "host-port", "default": "5000", "repeatable": True, "help": "Port"},
        {"name": "public-url", "type": "url", "help": "URL"},
        {"name": "processes", "type": "integer", "minimum": 1, "maximum": 4, "help": "Processes"},
        {"name": "region", "type": "string", "rule": "[a-z]+", "ruleHelp": "small letters", "help": "Region"},
        {"name": "service", "type": "choice", "choices": ["none"], "help": "Manager"},
        {"name": "token", "type": "string", "secret": True, "rule": "[0-9]+", "help": "Token"},
    ]
)


def flags(**texts: Sequence[str]) -> Source:
    return Source("flag", {name.replace("_", "-"): values for name, values in texts.items()})


class DeclarationTest(unittest.TestCase):
    def test_every_key_that_ksbundle_writes_is_understood(self) -> None:
        """The golden release declares an answer with each."""
        declared = answers.declarations(support.bundle()["answers"])
        wanted = (
            Declaration("host", "host", "Address", "127.0.0.1", "HOST"),
            Declaration("port", "host-port", "Port to listen on", "8080", "[ADDRESS:]PORT", repeatable=True),
            Declaration(
                *("title", "string", "Title of the page", None, "TITLE"),
                rule="[^<>]{1,40}",
                rule_help="up to 40 characters but < and >",
            ),
            Declaration(
                "processes", "integer", "Processes that serve requests", None, "PROCESSES", minimum=1, maximum=64
            ),
            Declaration("colour", "choice", "Colour", "red", "COLOUR", choices=("red", "green")),
            Declaration("token", "string", "Token", None, "TOKEN", secret=True),
        )
        self.assertEqual(declared, {declaration.name: declaration for declaration in wanted})


class ResolveTest(unittest.TestCase):
    def test_the_first_source_wins_and_says_so(self) -> None:
        resolved = answers.resolve(DECLARED, [flags(host=["10.0.0.1"]), Source("receipt", {"host": ["10.0.0.2"]})])
        self.assertEqual(resolved["host"], answers.Answer(("10.0.0.1",), "flag"))
        self.assertEqual(resolved["port"], answers.Answer(("5000",), "default"))
        self.assertEqual(resolved["public-url"].values, ())

    def test_an_empty_value_restores_the_default(self) -> None:
        resolved = answers.resolve(DECLARED, [flags(host=[""]), Source("receipt", {"host": ["10.0.0.2"]})])
        self.assertEqual(resolved["host"], answers.Answer(("127.0.0.1",), "default", taken_back=True))

    def test_repeated_values_are_kept_once_in_order(self) -> None:
        resolved = answers.resolve(DECLARED, [flags(port=["35357", "5000", "05000"])])
        self.assertEqual(resolved["port"].values, ("35357", "5000"))

    def test_every_mistake_is_reported_at_once(self) -> None:
        wrong = flags(
            host=["a b"], processes=["9"], region=["X"], service=["upstart"], public_url=["http://a", "http://b"]
        )
        with self.assertRaises(Failure) as caught:
            answers.resolve(DECLARED, [wrong])
        self.assertEqual(caught.exception.exit_code, Exit.USAGE)
        whys = {problem.what.split(":")[0].rpartition("--")[2]: problem.why for problem in caught.exception.problems}
        self.assertEqual(set(whys), {"host", "processes", "region", "service", "public-url"})
        self.assertIn("at most 4", whys["processes"])
        self.assertEqual(whys["region"], "small letters")
        self.assertIn("none", whys["service"])
        self.assertIn("more than once", whys["public-url"])

    def test_a_secret_is_not_shown(self) -> None:
        with self.assertRaises(Failure) as caught:
            answers.resolve(DECLARED, [flags(token=["hunter2"])])
        self.assertNotIn("hunter2", repr(caught.exception.problems))

    def test_the_receipt_records_only_given_answers(self) -> None:
        resolved = answers.resolve(DECLARED, [flags(host=["10.0.0.1"], processes=["2"])])
        self.assertEqual(answers.given(resolved, {"processes"}), {"host": ["10.0.0.1"]})


class EnvironmentTest(unittest.TestCase):
    def test_variables_become_sources(self) -> None:
        environment = {"KSB_PORT": "5000, 35357", "KSB_PUBLIC_URL": "http://a", "HOST": "ignored"}
        resolved = answers.resolve(DECLARED, answers.from_environment(DECLARED, environment))
        self.assertEqual(resolved["port"].values, ("5000", "35357"))
        self.assertEqual(resolved["public-url"].origin, "environment KSB_PUBLIC_URL")
        self.assertEqual(resolved["host"].origin, "default")


class FileTest(support.DirectoryTest):
    def read(self, text: str) -> Source:
        path = self.directory / "answers"
        path.write_text(text, encoding="utf-8")
        return answers.from_file(DECLARED, str(path))

    def test_lines_are_parsed_and_not_executed(self) -> None:
        source = self.read('# note\n\nHOST=10.0.0.1\npublic-url = "http://a"\nPORT=1,2\nPORT=3\nREGION=$(touch x)\n')
        self.assertEqual(source.texts["host"], ["10.0.0.1"])
        self.assertEqual(source.texts["public-url"], ["http://a"])
        self.assertEqual(source.texts["port"], ["1", "2", "3"])
        self.assertEqual(source.texts["region"], ["$(touch x)"])

    def test_every_invalid_line_is_named(self) -> None:
        with self.assertRaises(Failure) as caught:
            self.read("HOTS=1\njust words\nHOST=a\n")
        first, second = caught.exception.problems
        self.assertTrue(first.where.endswith(":1"))
        self.assertIn("HOST", first.hint)
        self.assertTrue(second.where.endswith(":2"))

    def test_a_missing_file_is_a_usage_error(self) -> None:
        with self.assertRaises(Failure) as caught:
            answers.from_file(DECLARED, str(self.directory / "none"))
        self.assertEqual(caught.exception.exit_code, Exit.USAGE)


class UnknownVariablesTest(unittest.TestCase):
    def test_a_typing_error_in_the_environment_is_named_with_the_nearest(self) -> None:
        environment = {"KSB_HOTS": "a", "KSB_HOST": "b", "HOME": "/"}
        (problem,) = answers.unknown_variables(DECLARED, environment)
        self.assertIn("KSB_HOTS", problem.what)
        self.assertIn("KSB_HOST?", problem.hint)


if __name__ == "__main__":
    unittest.main()
