from __future__ import annotations

import dataclasses
import json
import os
import unittest
import unittest.mock

import support
from installer.errors import Exit, Failure
from installer.state import receipt

RECEIPT = receipt.Receipt(
    bundle="demo",
    version="1",
    release_id="ab",
    release_path="/r é",
    instance_path="/i",
    answers={"host": ["a"]},
    files={"etc/x": {"sha256": "00", "mode": "0640"}},
    state={"url": "http://a"},
    account={"name": "demo", "uid": 990, "gid": 990, "made": True},
    installed="2026-11-21T12:37:38Z",
    uninstalled="2026-11-22T12:37:38Z",
    previous={"release": "/old", "instance": "/old/instance", "version": "0.9", "id": "cd", "backup": "backups/b"},
    unknown={"of another version": []},
)


class ReceiptTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.directory / "receipt.json"

    def test_the_golden_receipt_is_current(self) -> None:
        with unittest.mock.patch.object(receipt, "timestamp", return_value="2026-11-22T12:37:38Z"):
            receipt.write(str(self.path), RECEIPT, None)
        if os.environ.get("KSBUNDLE_TEST_GOLDEN") == "renew":
            support.GOLDEN_RECEIPT.write_bytes(self.path.read_bytes())
        self.assertEqual(self.path.read_text(), support.GOLDEN_RECEIPT.read_text())
        document = json.loads(self.path.read_text())
        self.assertEqual(set(document) - set(RECEIPT.unknown), set(receipt._KNOWN))

    def test_a_written_receipt_is_read_back(self) -> None:
        receipt.write(str(self.path), RECEIPT, None)
        read = receipt.read(str(self.path))
        assert read is not None
        self.assertTrue(read.same_facts(RECEIPT))
        self.assertTrue(read.installed)

    def test_the_time_of_the_first_install_is_kept(self) -> None:
        receipt.write(str(self.path), dataclasses.replace(RECEIPT, installed="then"), None)
        read = receipt.read(str(self.path))
        assert read is not None
        self.assertEqual(read.installed, "then")

    def test_other_facts_are_not_the_same(self) -> None:
        self.assertFalse(RECEIPT.same_facts(dataclasses.replace(RECEIPT, answers={"host": ["b"]})))
        self.assertTrue(RECEIPT.same_facts(dataclasses.replace(RECEIPT, updated="later")))

    def test_keys_of_another_version_are_kept(self) -> None:
        receipt.write(str(self.path), RECEIPT, None)
        document = json.loads(self.path.read_text())
        self.path.write_text(json.dumps({**document, "backups": ["b1"]}))
        read = receipt.read(str(self.path))
        assert read is not None
        receipt.write(str(self.path), read, None)
        self.assertEqual(json.loads(self.path.read_text())["backups"], ["b1"])

    def test_a_missing_receipt_is_none_and_a_damaged_one_needs_a_person(self) -> None:
        self.assertIsNone(receipt.read(str(self.path)))
        for text in ("", "{", "[]", "{}", '{"format": 2}', '{"format": 1}'):
            self.path.write_text(text)
            with self.subTest(text=text), self.assertRaises(Failure) as caught:
                receipt.read(str(self.path))
            self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)


if __name__ == "__main__":
    unittest.main()
