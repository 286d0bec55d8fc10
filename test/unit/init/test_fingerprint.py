from __future__ import annotations

import os
import unittest
from pathlib import Path

import support
from installer.state.fingerprint import fingerprint

TERABYTE = 1 << 40


class FingerprintTest(support.DirectoryTest):
    def make(self, name: str, *extents: tuple[int, bytes], size: int = 0) -> str:
        path: Path = self.directory / name
        with path.open("wb") as file:
            file.truncate(size)
            for offset, content in extents:
                file.seek(offset)
                file.write(content)
        return str(path)

    def test_a_change_anywhere_is_noticed(self) -> None:
        place = 3 << 20
        first = fingerprint(self.make("a", (0, b"x" * place), (place, b"end")))
        self.assertEqual(fingerprint(self.make("b", (0, b"x" * place), (place, b"end"))), first)
        for changed in ((0, b"y"), (place // 2, b"y"), (place, b"enD"), (place, b"end of it")):
            self.assertNotEqual(fingerprint(self.make("c", (0, b"x" * place), (place, b"end"), changed)), first)

    def test_a_hole_is_not_read_and_its_size_counts(self) -> None:
        # To read it as a whole would take hours.
        sparse = self.make("sparse", (TERABYTE // 2, b"data"), size=TERABYTE)
        first = fingerprint(sparse)
        self.assertNotEqual(fingerprint(self.make("moved", (TERABYTE // 4, b"data"), size=TERABYTE)), first)
        os.truncate(sparse, TERABYTE + 1)
        self.assertNotEqual(fingerprint(sparse), first)

    def test_an_empty_file_has_one(self) -> None:
        self.assertEqual(fingerprint(self.make("a")), fingerprint(self.make("b")))


if __name__ == "__main__":
    unittest.main()
