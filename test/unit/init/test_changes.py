from __future__ import annotations

import os
import unittest

import support
from installer.bundle.api import RenderedFile
from installer.engine import changes
from installer.engine.changes import Change, Kind
from installer.state import files
from installer.state.instance import Instance


class ChangesTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.instance = Instance(str(self.directory))
        self.path = self.directory / "conf"

    def compare(self, content: str, recorded: changes.Recorded) -> Change:
        (change,) = changes.compare(self.instance, [RenderedFile("conf", content.encode(), 0o640, None)], recorded)
        return change

    def apply(self, content: str, recorded: changes.Recorded) -> changes.Recorded:
        change = self.compare(content, recorded)
        if change.writes:
            changes.write(self.instance, change)
        return changes.record([change])

    def test_create_then_same_then_update(self) -> None:
        recorded = self.apply("one", {})
        self.assertIs(self.compare("one", recorded).kind, Kind.SAME)
        self.assertIs(self.compare("two", recorded).kind, Kind.UPDATE)
        self.apply("two", recorded)
        self.assertEqual(self.path.read_text(), "two")

    def test_a_changed_mode_is_corrected(self) -> None:
        recorded = self.apply("one", {})
        self.path.chmod(0o644)
        self.assertIs(self.compare("one", recorded).kind, Kind.UPDATE)

    def test_an_edit_is_left_alone_while_the_rendered_content_is_the_same(self) -> None:
        recorded = self.apply("one", {})
        self.path.write_text("mine")
        change = self.compare("one", recorded)
        self.assertIs(change.kind, Kind.EDITED)
        self.assertFalse(change.writes)

    def test_the_receipt_still_shows_that_a_file_was_edited(self) -> None:
        recorded = self.apply("one", {})
        self.path.write_text("mine")
        recorded = self.apply("one", recorded)
        self.assertIs(self.compare("one", recorded).kind, Kind.EDITED)

    def test_a_conflicting_edit_is_kept_beside_the_file(self) -> None:
        recorded = self.apply("one", {})
        self.path.write_text("mine")
        self.assertIs(self.compare("two", recorded).kind, Kind.CONFLICT)
        self.apply("two", recorded)
        self.assertEqual(self.path.read_text(), "two")
        self.assertEqual((self.directory / "conf.edited").read_text(), "mine")

    def test_files_of_an_interrupted_run_are_removed_unless_edited(self) -> None:
        self.path.write_text("one")
        written = {"conf": [files.digest(b"one")]}
        (change,) = changes.compare(self.instance, [], {}, written=written)
        self.assertIs(change.kind, Kind.REMOVE)
        self.path.write_text("mine")
        self.assertEqual(changes.compare(self.instance, [], {}, written=written), [])

    def test_a_file_no_longer_rendered_is_removed_and_can_be_reverted(self) -> None:
        recorded = self.apply("one", {})
        (change,) = changes.compare(self.instance, [], recorded)
        self.assertIs(change.kind, Kind.REMOVE)
        changes.write(self.instance, change)
        self.assertFalse(self.path.exists())
        changes.revert(self.instance, [change])
        self.assertEqual(self.path.read_text(), "one")

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_a_reverted_file_has_its_former_rights(self) -> None:
        recorded = self.apply("one", {})
        os.chown(self.path, 0, 65534)
        self.path.chmod(0o604)
        removed = changes.compare(self.instance, [], recorded)
        for change in (*removed, self.compare("two", recorded)):
            changes.write(self.instance, change)
            changes.revert(self.instance, [change])
            status = self.path.stat()
            self.assertEqual((status.st_mode & 0o777, status.st_uid, status.st_gid), (0o604, 0, 65534))

    def test_revert_undoes_what_was_written(self) -> None:
        recorded = self.apply("one", {})
        change = self.compare("two", recorded)
        changes.write(self.instance, change)
        changes.revert(self.instance, [change])
        self.assertEqual(self.path.read_text(), "one")

    def test_directories_with_only_unwanted_rendered_files_are_unused(self) -> None:
        for name in ("tls", "kept", "own"):
            (self.directory / name).mkdir()
        recorded: dict[str, dict[str, str]] = {
            name: {} for name in ("tls/a", "tls/b", "kept/a", "own/a", "gone/a", "conf", "/etc/unit")
        }
        (self.directory / "tls" / "a").touch()
        (self.directory / "own" / "mine").touch()
        self.assertEqual(changes.unused_directories(self.instance, recorded, ["kept"]), ["tls"])


if __name__ == "__main__":
    unittest.main()
