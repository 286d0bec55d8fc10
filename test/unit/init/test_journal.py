from __future__ import annotations

import unittest

import support
from installer.state.journal import Journal


class JournalTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.directory / "journal"
        self.journal = Journal(str(self.path))

    def test_nothing_is_unfinished_without_a_journal(self) -> None:
        self.assertIsNone(self.journal.unfinished())

    def test_an_operation_that_ended_is_finished(self) -> None:
        self.journal.begin("install", {})
        self.journal.step("write", path="x")
        self.journal.end()
        self.assertIsNone(self.journal.unfinished())

    def test_an_interrupted_operation_has_its_answers_and_last_step(self) -> None:
        self.journal.begin("install", {"host": ["10.0.0.1"]})
        self.journal.step("write", path="x")
        self.journal.step("start")
        unfinished = self.journal.unfinished()
        assert unfinished is not None
        self.assertEqual((unfinished.operation, unfinished.last_step), ("install", "start"))
        self.assertEqual(unfinished.answers, {"host": ["10.0.0.1"]})

    def test_every_truncation_of_the_file_is_understood(self) -> None:
        self.journal.begin("install", {})
        self.journal.step("write", path="é")
        self.journal.end()
        whole = self.path.read_bytes()
        end = whole.rindex(b"\n", 0, -1) + 1
        for length in range(whole.index(b"\n") + 1, len(whole) - 1):
            self.path.write_bytes(whole[:length])
            unfinished = self.journal.unfinished()
            self.assertIsNotNone(unfinished, length)
            if unfinished is not None and length >= end:
                self.assertEqual(unfinished.last_step, "write")

    def test_a_new_operation_forgets_the_former(self) -> None:
        self.journal.begin("install", {"host": ["a"]})
        self.journal.begin("install", {"host": ["b"]})
        self.journal.end()
        self.assertIsNone(self.journal.unfinished())
        self.assertNotIn('"a"', self.path.read_text())


if __name__ == "__main__":
    unittest.main()
