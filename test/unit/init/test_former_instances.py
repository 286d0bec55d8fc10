"""Files of earlier installers are understood: `test/fixtures/instances/<release>/` holds receipt and journal of an
instance that each really made, with `@release@` in place of the release's path."""

from __future__ import annotations

import json
import unittest

import support
from installer.state import journal, receipt

FIXTURES = support.REPOSITORY / "test" / "fixtures" / "instances"
FORMER = sorted(path.name for path in FIXTURES.iterdir())


class FormerInstanceTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.receipt = str(self.directory / "receipt.json")
        self.journal = str(self.directory / "journal")

    def put(self, former: str) -> None:
        """Puts a former installer's files where this one expects them."""
        for name in ("receipt.json", "journal"):
            text = (FIXTURES / former / name).read_text(encoding="utf-8")
            (self.directory / name).write_text(text.replace("@release@", "/srv/former"), encoding="utf-8")

    def test_every_fact_of_a_receipt_is_read_and_written_again(self) -> None:
        for former in FORMER:
            with self.subTest(former=former):
                self.put(former)
                before = json.loads((self.directory / "receipt.json").read_text(encoding="utf-8"))
                read = receipt.read(self.receipt)
                assert read is not None
                self.assertEqual(read.unknown, {})
                receipt.write(self.receipt, read, None)
                after = json.loads((self.directory / "receipt.json").read_text(encoding="utf-8"))
                self.assertEqual({**after, "updated": before["updated"]}, before)

    def test_ended_and_interrupted_journals_are_distinguished(self) -> None:
        for former in FORMER:
            with self.subTest(former=former):
                self.put(former)
                self.assertIsNone(journal.Journal(self.journal).unfinished())
                lines = (self.directory / "journal").read_bytes().splitlines(keepends=True)
                steps = [entry for entry in map(json.loads, lines) if entry["event"] == "step"]
                (self.directory / "journal").write_bytes(b"".join(lines[:-1]))
                unfinished = journal.Journal(self.journal).unfinished()
                assert unfinished is not None
                self.assertEqual(unfinished.last_step, steps[-1]["step"])
                self.assertEqual(dict(unfinished.answers), json.loads(lines[0])["answers"])


if __name__ == "__main__":
    unittest.main()
