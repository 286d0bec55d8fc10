from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import unittest
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import support
from installer.errors import Exit, Failure
from installer.state import archive
from installer.state.archive import Source


def _add(*arguments: Any) -> None:
    """Adds members to the tar that is the last argument."""
    *members, tar = arguments
    for member in members:
        tar.addfile(member)


class ArchiveTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.path = str(self.directory / "backup.tar.gz")

    def write(self) -> None:
        (self.directory / "large").write_bytes(os.urandom(300_000))
        sources = [
            Source("receipt.json", 0o640, b"{}"),
            Source("etc/a b é", 0o600, os.urandom(2000)),
            Source("data/large", 0o600, file=str(self.directory / "large")),
        ]
        with open(self.path, "wb") as stream:
            archive.write(stream, {"bundle": "demo"}, sources)

    def fails(self, exit_code: Exit) -> str:
        with self.assertRaises(Failure) as caught:
            archive.read(self.path)
        self.assertEqual(caught.exception.exit_code, exit_code)
        return caught.exception.problems[0].why

    def test_a_written_archive_is_read_and_extracted(self) -> None:
        self.write()
        found = archive.read(self.path)
        self.assertEqual((found.facts["bundle"], found.receipt), ("demo", b"{}"))
        self.assertEqual(found.entries["data/large"].size, 300_000)
        target = self.directory / "out"
        target.mkdir()
        archive.extract(found, str(target), lambda _: None)
        self.assertEqual((target / "data" / "large").read_bytes(), (self.directory / "large").read_bytes())
        self.assertEqual((target / "etc" / "a b é").stat().st_mode & 0o777, 0o600)
        self.assertEqual(
            sorted(path.name for path in target.rglob("*") if path.is_file()),
            sorted(["a b é", "large", "receipt.json"]),
        )

    def test_a_flipped_byte_or_a_truncation_is_damage(self) -> None:
        self.write()
        with open(self.path, "rb") as file:
            whole = file.read()
        # The first ten bytes are the gzip header: a time and a system's name, which nothing reads.
        places = [*range(10, 200), *range(200, len(whole) - 8, 5_021), *range(len(whole) - 8, len(whole))]
        harmless = 0
        for place in places:
            flipped = whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
            # Runs of one byte can be packed in several ways; then the flip may not change the content.
            if unpack(flipped) == unpack(whole):
                harmless += 1
                continue
            with self.subTest(flipped=place), open(self.path, "wb") as file:
                file.write(flipped)
                file.flush()
                self.fails(Exit.INTEGRITY)
        self.assertLess(harmless, 20)
        for length in (0, 5, 1000, len(whole) // 2, len(whole) - 1):
            with self.subTest(length=length), open(self.path, "wb") as file:
                file.write(whole[:length])
                file.flush()
                self.fails(Exit.INTEGRITY)

    def test_a_missing_file_is_no_damage(self) -> None:
        self.fails(Exit.PREFLIGHT)

    def forge(self, listed: list[str], add: Callable[[tarfile.TarFile], None]) -> None:
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        rows = [{"path": path, "mode": 0o600, "size": 0, "sha256": empty} for path in listed]
        manifest = json.dumps({"format": 1, "files": rows}).encode()
        with gzip.open(self.path, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo("manifest.json")
            member.size = len(manifest)
            tar.addfile(member, io.BytesIO(manifest))
            add(tar)

    def test_names_that_lead_out_are_refused(self) -> None:
        for name in ("../x", "/etc/x", "a/../../x", "a//b", "./a", ""):
            with self.subTest(name=name):
                self.forge([name], partial(_add, tarfile.TarInfo(name)))
                self.assertIn("plain relative name", self.fails(Exit.INTEGRITY))

    def test_links_devices_and_directories_are_refused(self) -> None:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            with self.subTest(kind=kind):
                member = tarfile.TarInfo("receipt.json")
                member.type, member.linkname = kind, "/etc/passwd"
                self.forge(["receipt.json"], partial(_add, member))
                self.assertIn("is not a regular file", self.fails(Exit.INTEGRITY))

    def test_each_listed_file_must_be_there_exactly_once(self) -> None:
        receipt = tarfile.TarInfo("receipt.json")
        self.forge(["receipt.json", "b"], partial(_add, receipt))
        self.assertIn("lacks b", self.fails(Exit.INTEGRITY))
        self.forge([], partial(_add, receipt))
        self.assertIn("does not list", self.fails(Exit.INTEGRITY))
        self.forge(["receipt.json"], partial(_add, receipt, receipt))
        self.assertIn("twice", self.fails(Exit.INTEGRITY))


def unpack(content: bytes) -> bytes | None:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return None


if __name__ == "__main__":
    unittest.main()
