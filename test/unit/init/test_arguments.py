from __future__ import annotations

import unittest

import support  # noqa: F401
from installer.answers import answers, arguments, usage
from installer.answers.command_table import COMMANDS
from installer.errors import Exit, Failure

DECLARED = answers.declarations(
    [
        {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address"},
        {"name": "port", "type": "host-port", "repeatable": True, "help": "Port"},
        {"name": "instance", "type": "path", "help": "Directory"},
        {"name": "demo", "type": "boolean", "default": "false", "help": "Demonstration"},
    ]
)


class ParseTest(unittest.TestCase):
    def test_no_command_means_install(self) -> None:
        parsed = arguments.parse(["--host", "a", "--port=1", "--port", "2"], DECLARED)
        self.assertEqual(parsed.command.name, "install")
        self.assertEqual(parsed.texts, {"host": ["a"], "port": ["1", "2"]})

    def test_an_empty_value_is_a_value(self) -> None:
        self.assertEqual(arguments.parse(["--host="], DECLARED).texts, {"host": [""]})
        self.assertEqual(arguments.parse(["--host", ""], DECLARED).texts, {"host": [""]})

    def refused(self, *argv: str) -> Failure:
        with self.assertRaises(Failure) as caught:
            arguments.parse(argv, DECLARED)
        self.assertEqual(caught.exception.exit_code, Exit.USAGE)
        return caught.exception

    def test_unknown_options_name_the_nearest(self) -> None:
        (problem,) = self.refused("--hots", "x").problems
        self.assertIn("--hots", problem.what)
        self.assertIn("--host", problem.hint)

    def test_an_operand_is_taken_once_and_required_where_needed(self) -> None:
        self.assertEqual(arguments.parse(["backup"], DECLARED).operand, None)
        self.assertEqual(arguments.parse(["backup", "a b"], DECLARED).operand, "a b")
        self.assertIn("unexpected argument c", self.refused("backup", "b", "c").problems[0].what)
        self.assertIn("restore needs FILE", self.refused("restore").problems[0].what)

    def test_a_command_takes_only_its_own_options(self) -> None:
        self.refused("stop", "--host", "a")
        self.refused("install", "--json")
        self.assertEqual(arguments.parse(["stop", "--instance", "/i"], DECLARED).texts, {"instance": ["/i"]})
        self.assertTrue(arguments.parse(["verify", "--json"], DECLARED).has("json"))

    def test_a_missing_value_does_not_swallow_the_next_option(self) -> None:
        self.assertIn("--host needs a value", self.refused("--host", "--port", "1").problems[0].what)
        self.assertIn("--port needs a value", self.refused("--port").problems[0].what)

    def test_stray_arguments_are_refused(self) -> None:
        self.assertIn("unexpected argument x", self.refused("install", "x").problems[0].what)

    def test_a_boolean_answer_needs_no_value(self) -> None:
        parsed = arguments.parse(["--demo", "--host", "a"], DECLARED)
        self.assertEqual(parsed.texts, {"demo": ["true"], "host": ["a"]})
        self.assertEqual(arguments.parse(["--demo=false"], DECLARED).texts, {"demo": ["false"]})
        self.assertEqual(arguments.parse(["--demo="], DECLARED).texts, {"demo": [""]})
        self.assertIn("unexpected argument true", self.refused("--demo", "true").problems[0].what)

    def test_a_switch_takes_no_value(self) -> None:
        self.assertIn("--json takes no value", self.refused("verify", "--json=yes").problems[0].what)

    def test_help_in_any_position(self) -> None:
        for argv in (["help"], ["--help"], ["-h"], ["stop", "--help"], ["help", "stop"], ["--host", "a", "-h"]):
            self.assertTrue(arguments.parse(argv, DECLARED).help, argv)

    def test_help_begins_with_examples_and_names_every_answer(self) -> None:
        text = usage.overview("demo 1-1", "demo", DECLARED)
        self.assertLess(text.index("Examples:"), text.index("Options:"))
        for declaration in DECLARED.values():
            self.assertIn(declaration.flag, text)
        for command in COMMANDS.values():
            self.assertLess(usage.command_help(command, "demo", DECLARED).index("Examples:"), 200)

    def test_examples_are_command_lines_of_their_command(self) -> None:
        for command in COMMANDS.values():
            for example in command.examples:
                with self.subTest(example=example):
                    self.assertEqual(arguments.parse(example.split(), DECLARED).command, command)


if __name__ == "__main__":
    unittest.main()
