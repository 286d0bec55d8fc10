"""What Keystone's drivers do when the database rolls their transaction back."""

from __future__ import annotations

import importlib
import sys
import unittest
from typing import Any
from unittest import mock

import support

# In a release, its Python finds the module; in the repository, it is beside the bundle's code.
_PLACES = (
    *support.INIT.glob("services/keystone/site-packages"),
    *support.INIT.parent.glob("lib/python3.*/site-packages"),
)
sys.path.append(str(_PLACES[0]))
deadlocks: Any = importlib.import_module("ksbundle_keystone.deadlocks")


def _may_retry(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


class DeadlocksTest(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(deadlocks, "WAIT", 0))

    def make(self, *errors: Exception) -> Any:
        """A driver that fails with these errors, one after the other, and then succeeds."""
        left = list(errors)

        class Base:
            def save(self, row: str, *, at: int) -> str:
                self.calls += 1
                if left:
                    raise left.pop(0)
                return f"{row} {at}"

            def __init__(self) -> None:
                self.calls = 0

        class Driver(Base):
            def save_twice(self, row: str) -> str:
                return self.save(row, at=1) + self.save(row, at=2)

        for _ in range(2):
            deadlocks.cover(Driver, _may_retry)
        return Driver()

    def test_tries_again_until_it_succeeds(self) -> None:
        driver = self.make(TimeoutError(), TimeoutError())
        self.assertEqual(driver.save("row", at=1), "row 1")
        self.assertEqual(driver.calls, 3)

    def test_passes_other_errors_on(self) -> None:
        driver = self.make(TimeoutError(), LookupError("other"))
        with self.assertRaisesRegex(LookupError, "other"):
            driver.save("row", at=1)
        self.assertEqual(driver.calls, 2)

    def test_ends_with_the_error_that_lasts(self) -> None:
        driver = self.make(*[TimeoutError("lasting")] * 100)
        with self.assertRaisesRegex(TimeoutError, "lasting"):
            driver.save("row", at=1)
        self.assertEqual(driver.calls, deadlocks.ATTEMPTS + 1)

    def test_functions_that_call_each_other_repeat_only_what_failed(self) -> None:
        driver = self.make(TimeoutError())
        self.assertEqual(driver.save_twice("row"), "row 1row 2")
        self.assertEqual(driver.calls, 3)


if __name__ == "__main__":
    unittest.main()
