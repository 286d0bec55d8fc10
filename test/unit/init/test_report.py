"""The installer's output never controls a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import unittest
from collections.abc import Callable

import support  # noqa: F401 # Makes the installer importable.
from installer import report
from installer.errors import Problem, problems_of

#: A window title, colours by C0 and by C1, a forged line, right-to-left text, bytes that are not UTF-8.
HOSTILE = "a\x1b]0;b\x07\x9b31m\rc\nerror: d\x7f\u202ee\u2066\u2028\udcff\tö"
SHOWN = r"a\x1b]0;b\x07\x9b31m\x0dc\x0aerror: d\x7f\u202ee\u2066\u2028\xff\x09ö"


class ReportTest(unittest.TestCase):
    def printed(self, print_it: Callable[[], None]) -> str:
        with io.StringIO() as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            print_it()
            return text.getvalue()

    def test_results_and_progress_are_one_line_each(self) -> None:
        self.assertEqual(self.printed(lambda: report.out(HOSTILE)), f"{SHOWN}\n")
        self.assertEqual(self.printed(lambda: report.note(HOSTILE)), f"{SHOWN}\n")

    def test_no_part_of_a_problem_can_look_like_another(self) -> None:
        problem = Problem(HOSTILE, where=HOSTILE, why=HOSTILE, hint=HOSTILE, details=[HOSTILE])
        lines = [f"warning: {SHOWN}", f"  where: {SHOWN}", f"  why: {SHOWN}", f"  | {SHOWN}", f"  do: {SHOWN}", ""]
        self.assertEqual(self.printed(lambda: report.warn(problem)), "\n".join(lines))

    def test_remarks_of_a_step_are_escaped_too(self) -> None:
        def work() -> None:
            with report.step("work") as remark:
                remark(HOSTILE)

        self.assertIn(SHOWN, self.printed(work))

    def test_an_internal_error_shows_its_lines_escaped(self) -> None:
        try:
            raise ValueError(HOSTILE)
        except ValueError as error:
            (problem,) = problems_of(error)
        text = self.printed(lambda: report.show(problem))
        self.assertIn("  | Traceback", text)
        self.assertRegex(text, r"\A[\n -~ö]*\Z")

    def test_a_document_is_escaped_json_of_the_same_value(self) -> None:
        text = self.printed(lambda: report.document({"name": HOSTILE}))
        self.assertRegex(text, r"\A[ -~]*\n\Z")
        self.assertEqual(json.loads(text), {"name": HOSTILE})


if __name__ == "__main__":
    unittest.main()
