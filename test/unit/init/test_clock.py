"""A clock before the release, and one that was ahead and was corrected."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sys
import time
import unittest
from pathlib import Path
from unittest import mock

import keystone_site
import support
from installer.commands import backup
from installer.engine import diagnosis
from installer.host import clock, logs
from installer.state.receipt import timestamp
from product_site import ProductTest

YEARS = 20 * 365 * clock.DAY


def at(moment: float) -> contextlib.AbstractContextManager[object]:
    """Sets the clock that Python reads."""
    gmtime = time.gmtime
    return mock.patch.multiple(time, time=lambda: moment, gmtime=lambda seconds=moment: gmtime(seconds))


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


class ClockTest(unittest.TestCase):
    def test_a_clock_before_the_release_is_reported(self) -> None:
        with at(86400.0):
            self.assertEqual([problem.what for problem in clock.check()], ["the clock says 1970-01-02"])
        self.assertEqual(list(clock.check()), [])

    def test_a_clock_long_after_the_release_causes_a_warning(self) -> None:
        with at(clock.RELEASED + YEARS):
            self.assertEqual([problem.what.split(",")[0] for problem in clock.warn()], ["the clock says 2045-12-27"])
        self.assertEqual(list(clock.warn()), [])

    def test_what_is_due(self) -> None:
        now = time.time()
        self.assertFalse(clock.is_due(now, 60))
        self.assertTrue(clock.is_due(now - 61, 60))
        self.assertTrue(clock.is_due(now + YEARS, 60))


class LogsTest(support.DirectoryTest):
    def test_archives_dated_in_the_future_prevent_no_rotation(self) -> None:
        log = self.directory / "httpd.log"
        for day in range(logs.KEEP):
            later = self.directory / f"httpd.log.204901{day + 1:02d}T000000Z.gz"
            later.touch()
            age(later, -YEARS)
        log.write_text("line\n" * 4000)
        self.assertEqual(len(logs.rotate(str(self.directory), time.time() + YEARS)), 1)
        kept = sorted(self.directory.glob("*.gz"))
        self.assertEqual(len(kept), logs.KEEP)
        self.assertIn(b"line\n", gzip.decompress(kept[0].read_bytes()))
        self.assertNotIn("20490101", kept[1].name)
        log.write_text("line\n" * 4000)
        self.assertEqual(logs.rotate(str(self.directory), time.time() + YEARS), [])


class InstanceTest(ProductTest):
    def test_an_instance_made_by_a_clock_that_was_ahead_is_reported(self) -> None:
        self.install("--host", "10.0.0.1")
        path = self.instance / "receipt.json"
        with at(time.time() + YEARS):
            later = timestamp()
        path.write_text(json.dumps({**json.loads(path.read_text()), "installed": later, "updated": later}))
        session = self.session("status")
        (found,) = diagnosis.find_faults(session, session.site())
        self.assertEqual(found.what, "the instance was made at a time in the future")
        self.assertIn(later, found.why)
        with mock.patch("installer.report.warn") as warn:
            self.install("--host", "10.0.0.1")
            self.install("--host", "10.0.0.2")
        self.assertEqual([call.args[0].what for call in warn.call_args_list], [found.what] * 2)

    def test_a_service_under_a_wrong_clock_has_a_fault(self) -> None:
        self.install("--host", "10.0.0.1")
        session = self.session("status")
        with at(1_230_768_000.0):
            self.assertEqual(
                [problem.what for problem in diagnosis.find_faults(session, session.site())],
                ["the clock says 2009-01-01"],
            )

    def test_backups_dated_in_the_future_are_removed_first(self) -> None:
        for number in range(1, backup.KEPT + 2):
            self.install("--host", f"10.0.0.{number}")
        directory = self.instance / "backups"
        for path in directory.iterdir():
            age(path, -YEARS)
        for number in (11, 12):
            self.install("--host", f"10.0.0.{number}")
        ahead = [clock.is_ahead(path.stat().st_mtime) for path in directory.iterdir()]
        self.assertEqual(sorted(ahead), [False] * 2 + [True] * (backup.KEPT - 2))


class RotationTest(keystone_site.KeystoneSiteTest):
    def test_keys_dated_in_the_future_are_due(self) -> None:
        staged = self.instance / "keys" / "fernet" / "0"
        staged.parent.mkdir(parents=True)
        staged.touch()
        site = self.site(key_rotation=["24"])
        with mock.patch.object(sys.modules["ksbundle_services.keystone.running"], "run_boot") as run:
            self.assertEqual(self.product.maintain(site), [])
            age(staged, -YEARS)
            self.assertEqual(self.product.maintain(site), ["rotated the token keys"])
            self.assertEqual(self.product.maintain(self.site(key_rotation=["0"])), [])
        run.assert_called_once_with(site, "rotate", interval=86400, kinds=["fernet"])


if __name__ == "__main__":
    unittest.main()
