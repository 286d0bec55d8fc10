"""A release says when its security fixes end, before they do."""

from __future__ import annotations

import datetime
import time
import unittest
from collections.abc import Mapping
from unittest import mock

import support
from installer.state import support_period
from installer.state.release import Release

NOON = datetime.datetime(2028, 1, 1, 12, tzinfo=datetime.UTC).timestamp()


class SupportPeriodTest(support.DirectoryTest):
    def warnings(self, stated: Mapping[str, str | None]) -> list[str]:
        support.set_bundle(self.directory, **stated)
        with mock.patch.object(time, "time", lambda: NOON):
            return [problem.what for problem in support_period.warn(Release(str(self.directory)))]

    def test_the_end_is_reported_ninety_days_before_and_from_then_on(self) -> None:
        self.assertEqual(self.warnings({"supportEnd": "2028-04-01"}), [])
        for day, text in (
            ("2028-03-31", "demo 1.0-1 gets security fixes only until 2028-03-31, 90 days from now"),
            ("2028-01-02", "demo 1.0-1 gets security fixes only until 2028-01-02, 1 day from now"),
            ("2028-01-01", "demo 1.0-1 gets security fixes only until 2028-01-01, 0 days from now"),
            ("2027-12-31", "demo 1.0-1 has had no security fixes since 2027-12-31"),
        ):
            with self.subTest(day=day):
                self.assertEqual(self.warnings({"supportEnd": day}), [text])

    def test_nothing_is_reported_if_nothing_is_stated(self) -> None:
        self.assertEqual(self.warnings({"supportEnd": None}), [])


if __name__ == "__main__":
    unittest.main()
