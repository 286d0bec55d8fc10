"""Runs the installer's unit tests, in parallel, one per processor: all, or the named ones.

python3 -B test/unit/init/run.py [--report FILE] [test_lock | test_lock.LockTest.test_name]…

Names what failed and what was skipped, and why. Ends with 1 if a test failed, or none ran. The report is JSON, of the
form that vitest writes.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import sys
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Outcome:
    """The result of a test, and why parts of it were skipped. `status` is `passed`, `failed` or `skipped`."""

    name: str
    status: str
    seconds: float = 0
    #: What failed, or why it was skipped.
    text: str = ""

    @property
    def line(self) -> str:
        return f"{self.status}: {self.name}" + (f": {self.text}" if self.status == "skipped" else "")


class Result(unittest.TextTestResult):
    """Also records whether any part of the test passed, because a test may skip some or all of its parts."""

    passed = False

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - its name is unittest's
        super().addSuccess(test)
        self.passed = True

    def addSubTest(  # noqa: N802 - its name is unittest's
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: object
    ) -> None:
        super().addSubTest(test, subtest, err)  # type: ignore[arg-type] # passed on unchanged
        self.passed = self.passed or err is None


def run(name: str) -> list[Outcome]:
    """Runs the named test."""
    stream = io.StringIO()
    began = time.monotonic()
    result = unittest.TextTestRunner(
        stream,
        resultclass=Result,  # type: ignore[arg-type]
        buffer=True,
        verbosity=0,
    ).run(load(name))
    seconds = time.monotonic() - began
    reasons = dict.fromkeys(reason for _, reason in result.skipped)
    outcomes = [Outcome(name, "skipped", text=reason) for reason in reasons]
    if not result.wasSuccessful():
        outcomes.append(Outcome(name, "failed", seconds, stream.getvalue()))
    elif isinstance(result, Result) and result.passed:
        outcomes.append(Outcome(name, "passed", seconds))
    return outcomes


def load(name: str) -> unittest.TestSuite:
    return unittest.defaultTestLoader.loadTestsFromName(name)


def names_of(suite: unittest.TestSuite) -> Iterator[str]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from names_of(test)
        else:
            yield test.id()


def write_report(file: Path, outcomes: list[Outcome]) -> None:
    results = [
        {"fullName": outcome.line.partition(": ")[2], "status": outcome.status, "duration": outcome.seconds * 1000}
        for outcome in outcomes
    ]
    failed = any(outcome.status == "failed" for outcome in outcomes)
    suite = {"name": "installer", "status": "failed" if failed else "passed", "assertionResults": results}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"testResults": [suite]}))


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the installer's unit tests.")
    parser.add_argument("--report", type=Path, metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    modules = options.names or sorted(file.stem for file in DIRECTORY.glob("test_*.py"))
    tests = [name for module in modules for name in names_of(load(module))]

    began = time.monotonic()
    workers = len(os.sched_getaffinity(0))
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for some in pool.map(run, tests):
            for outcome in some:
                outcomes.append(outcome)
                if outcome.status != "passed":
                    print(outcome.text if outcome.status == "failed" else "", outcome.line, sep="", flush=True)

    if options.report:
        write_report(options.report, outcomes)
    counts = [f"{sum(o.status == status for o in outcomes)} {status}" for status in ("passed", "failed", "skipped")]
    print(f"{', '.join(counts)} in {time.monotonic() - began:.1f} s")
    return 0 if outcomes and not any(outcome.status == "failed" for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
