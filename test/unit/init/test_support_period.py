"""A release says when its security fixes end, before they do."""

from __future__ import annotations

import datetime
import json
import time
import unittest
from collections.abc import Mapping
from unittest import mock

import support
from installer.state import support_period
from installer.state.release import Release

NOON = datetime.datetime(2028, 1, 1, 12, tzinfo=datetime.UTC).timestamp()


class SupportPeriodTest(support.DirectoryTest):
    def warnings(self, stated: Mapping[str, str]) -> list[str]:
        bundle = {"name": "demo", "version": "1", "revision": 2, **stated}
        (self.directory / "init").mkdir(exist_ok=True)
        (self.directory / "init" / "bundle.json").write_text(json.dumps(bundle))
        with mock.patch.object(time, "time", lambda: NOON):
            return [problem.what for problem in support_period.warn(Release(str(self.directory)))]

    def test_the_end_is_told_ninety_days_before_and_from_then_on(self) -> None:
        self.assertEqual(self.warnings({"supportEnd": "2028-04-01"}), [])
        for day, text in (
            ("2028-03-31", "demo 1-2 gets security fixes until 2028-03-31 only, 90 days from now"),
            ("2028-01-02", "demo 1-2 gets security fixes until 2028-01-02 only, 1 day from now"),
            ("2028-01-01", "demo 1-2 gets security fixes until 2028-01-01 only, 0 days from now"),
            ("2027-12-31", "demo 1-2 gets no security fixes since 2027-12-31"),
        ):
            with self.subTest(day=day):
                self.assertEqual(self.warnings({"supportEnd": day}), [text])

    def test_nothing_is_told_where_nothing_is_stated(self) -> None:
        self.assertEqual(self.warnings({}), [])


if __name__ == "__main__":
    unittest.main()
