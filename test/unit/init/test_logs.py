"""Rotation of logs during writes."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import time
import unittest
import unittest.mock
from pathlib import Path

import support
from installer.host import clock, logs

WRITER = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
for number in range(int(sys.argv[2])):
    os.write(log, b"line %d %s\\n" % (number, b"x" * (number % 97)))
"""


class LogsTest(support.DirectoryTest):
    @property
    def log(self) -> Path:
        return self.directory / "httpd.log"

    def fill(self, lines: int) -> None:
        subprocess.run([sys.executable, "-c", WRITER, str(self.log), str(lines)], check=True)

    def archives(self) -> list[Path]:
        return sorted(self.directory.glob("httpd.log.*.gz"))

    def read(self) -> list[str]:
        """All lines, archived ones first."""
        text = b"".join(gzip.decompress(path.read_bytes()) for path in self.archives()) + self.log.read_bytes()
        return [line for line in text.decode().split("\n") if line.strip()]

    def test_lines_written_meanwhile_are_complete_in_one_of_the_files(self) -> None:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(self.log), "200000"])
        rounds = 0
        while writer.poll() is None:
            if self.log.exists():
                with unittest.mock.patch.object(time, "strftime", return_value=f"{rounds:06d}"):
                    rounds += logs.archive(str(self.log))
        self.assertEqual(writer.returncode, 0)
        self.assertGreater(rounds, 1)
        if not self.can_collapse():
            self.skipTest("the file system of this machine's temporary files cannot collapse ranges")
        numbers = [int(re.fullmatch(r"line (\d+) x*", line)[1]) for line in self.read()]  # type: ignore[index]
        self.assertEqual(numbers, list(range(200000)))

    def can_collapse(self) -> bool:
        probe = self.directory / "probe"
        probe.write_bytes(bytes(16384))
        with open(probe, "r+b") as file:
            return logs._collapse(file.fileno(), 4096)

    def test_a_file_system_without_collapse_keeps_unarchived_lines(self) -> None:
        self.fill(1000)
        before = self.read()
        with unittest.mock.patch.object(logs, "_collapse", return_value=False):
            self.assertTrue(logs.archive(str(self.log)))
        self.assertEqual(self.read(), before)
        self.assertLess(self.log.stat().st_size, 4200)

    def test_a_full_disk_leaves_the_log_as_it_is(self) -> None:
        self.fill(1000)
        before = self.log.read_bytes()
        with unittest.mock.patch.object(logs, "_copy", side_effect=OSError(28, "full")), self.assertRaises(OSError):
            logs.archive(str(self.log))
        self.assertEqual(self.log.read_bytes(), before)
        self.assertEqual(os.listdir(self.directory), ["httpd.log"])

    def test_large_or_old_logs_are_archived_and_the_oldest_archives_removed(self) -> None:
        self.fill(1000)
        now = time.time()
        self.assertEqual(logs.rotate(str(self.directory), now), [])
        self.assertEqual(logs.rotate(str(self.directory), now - clock.DAY), ["archived httpd.log, 55 KiB"])
        self.fill(1000)
        self.assertEqual(logs.rotate(str(self.directory), now - clock.DAY), [])
        for day in range(logs.KEEP):
            (self.directory / f"httpd.log.20200101T0000{day:02d}Z.gz").touch()
        torn = self.directory / "httpd.log.20200101T000000Z.gz.ksb-tmp"
        torn.touch()
        with (
            unittest.mock.patch.object(logs, "LARGE", 1000),
            unittest.mock.patch.object(time, "strftime", return_value="20990101T000000Z"),
        ):
            self.assertEqual(len(logs.rotate(str(self.directory), now)), 1)
        self.assertEqual(len(self.archives()), logs.KEEP)
        self.assertFalse(torn.exists())
        self.assertNotIn("20200101T000000Z", self.archives()[0].name)


if __name__ == "__main__":
    unittest.main()
