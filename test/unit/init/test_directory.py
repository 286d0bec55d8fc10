"""The store of a directory: links, holes, concurrent writes, and files planted by the service's account."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
import unittest
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import store_site
from installer import report
from installer.errors import Exit, Failure
from installer.kit.data import tree_copy
from installer.kit.data.directory import Directory
from installer.state import archive, files, trees
from installer.state.files import Owner
from store_site import content_of

LARGE = 1 << 30
#: Writes files under other names and renames them, as a store of objects does, and removes some, until it is killed.
_SERVICE = """
import itertools
from contextlib import suppress
os.chdir(sys.argv[1])
for number in itertools.count():
    with open("part", "wb") as file:
        file.write(os.urandom(3000))
    os.rename("part", f"kept{number % 60}")
    with suppress(FileNotFoundError):
        os.unlink(f"kept{(number + 7) % 60}")
    if number == 9:
        print("ready", flush=True)
"""


class DirectoryTest(store_site.StoreTest):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.own_directory("data/files")
        self.store = Directory(self.site, "data/files")

    def put(self, name: str, content: bytes = b"content", *, age: float = 3600) -> Path:
        """A file of the service, written this many seconds ago."""
        path = self.path / name
        for parent in reversed(path.relative_to(self.path).parents):
            if not (self.path / parent).is_dir():
                self.own_directory(f"data/files/{parent}")
        path.write_bytes(content)
        path.chmod(0o640)
        os.utime(path, (time.time() - age,) * 2)
        self.give(path)
        return path

    def tree(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.path)): path.read_bytes() for path in self.path.rglob("*") if path.is_file()}

    @contextmanager
    def told(self) -> Iterator[list[str]]:
        """Files reported as missing from the backup."""
        found: list[str] = []
        with unittest.mock.patch.object(report, "warn", side_effect=lambda problem: found.extend(problem.details)):
            yield found

    def archived(self) -> archive.Archive:
        """A backup of only the store."""
        path = self.directory / "saved.tar.gz"
        with open(path, "wb") as stream:
            archive.write(stream, {}, [archive.Source("receipt.json", 0o600, b"{}"), *self.dump(self.store)])
        return archive.read(str(path))

    def restore(self, saved: archive.Archive) -> None:
        staging = self.instance / "restoring"
        staging.mkdir(mode=0o700)
        archive.extract(saved, str(staging), lambda _: self.account.owner)
        self.store.load(str(staging), [name for name in saved.entries if name.startswith("data/")])
        shutil.rmtree(staging)

    def test_a_load_restores_exactly_the_dumped_files(self) -> None:
        self.put("one", b"1")
        self.put("deep/er/two", b"2")
        before = self.tree()
        saved = self.archived()
        self.put("one", b"changed")
        self.put("deep/later", b"later")
        (self.path / "deep" / "er" / "two").unlink()
        (self.path / "deep" / "er" / "two").mkdir()
        self.restore(saved)
        self.assertEqual(self.tree(), before)
        self.assertEqual(store_site.owners(self.path), {Owner(self.account.uid, self.account.gid)})
        self.assertEqual((self.path / "one").stat().st_mode & 0o777, 0o640)

    def test_it_is_restored_to_an_empty_place(self) -> None:
        self.put("deep/one", b"1")
        before = self.tree()
        saved = self.archived()
        shutil.rmtree(self.path)
        self.restore(saved)
        self.assertEqual(self.tree(), before)

    def test_an_interrupted_load_is_finished_by_the_next(self) -> None:
        for name in "abc":
            self.put(name, name.encode())
        before = self.tree()
        saved = self.archived()
        for name in "abcd":
            self.put(name, b"changed")
        moves = iter(range(10))
        move = files.move

        def cut(source: str, target: str) -> None:
            if next(moves) == 1:
                raise KeyboardInterrupt
            move(source, target)

        with unittest.mock.patch.object(files, "move", side_effect=cut), self.assertRaises(KeyboardInterrupt):
            self.restore(saved)
        shutil.rmtree(self.instance / "restoring")
        self.restore(saved)
        self.assertEqual(self.tree(), before)

    def test_complete_files_are_not_copied_for_a_dump(self) -> None:
        old, new = self.put("old"), self.put("new", age=0)
        (self.path / "new").chmod(0o600)
        pieces = {piece.path: piece for piece in self.dump(self.store)}
        self.assertEqual(
            {path: piece.mode for path, piece in pieces.items()}, {"data/files/old": 0o640, "data/files/new": 0o600}
        )
        self.assertTrue(os.path.samefile(pieces["data/files/old"].file, old))
        self.assertFalse(os.path.samefile(pieces["data/files/new"].file, new))
        # The dump keeps both, whatever happens to them.
        old.unlink()
        new.write_bytes(b"changed")
        self.assertEqual([content_of(piece) for piece in pieces.values()], [b"content", b"content"])

    def test_files_that_cannot_be_linked_are_read_in_place(self) -> None:
        self.put("one")
        with unittest.mock.patch.object(os, "link", side_effect=OSError(18, "Invalid cross-device link")):
            (piece,) = self.dump(self.store)
        self.assertEqual(piece.file, str(self.path / "one"))
        self.assertEqual(content_of(piece), b"content")

    def test_a_file_that_changes_while_it_is_saved_fails_the_backup(self) -> None:
        for content in (b"other!!" * 1000, b"short", b""):
            with self.subTest(content=content[:7]):
                self.fails_where_the_second_reading_finds(content)

    def fails_where_the_second_reading_finds(self, content: bytes) -> None:
        """It is read twice, for its digest and its content."""
        path = self.put("one", b"content" * 1000)
        opened, turns = archive.Source.open, iter((None, content))

        def changing(source: archive.Source) -> object:
            new = next(turns) if source.file else None
            if new is not None:
                path.write_bytes(new)
            return opened(source)

        with unittest.mock.patch.object(archive.Source, "open", changing), self.assertRaises(Failure) as caught:
            self.archived()
        self.assertEqual(caught.exception.exit_code, Exit.NEEDS_PERSON)
        self.assertEqual(caught.exception.problems[0].where, "data/files/one")

    def test_a_service_that_writes_meanwhile_does_not_fail_a_backup(self) -> None:
        steady = {f"data/files/steady{number}" for number in range(50)}
        for name in steady:
            self.put(os.path.basename(name), os.urandom(5000))
        argv = [sys.executable, "-c", store_site.DROP + _SERVICE, str(self.path), *self.account_ids]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as service:
            try:
                self.assertEqual(service.stdout.readline() if service.stdout else b"", b"ready\n")
                for _ in range(5):
                    self.assertLessEqual(steady, set(self.archived().entries))
                self.assertIsNone(service.poll())
            finally:
                service.kill()

    def test_holes_take_no_space_in_a_copy_and_after_a_restore(self) -> None:
        path = self.put("holes", b"")
        with open(path, "r+b") as file:
            file.truncate(LARGE)
            file.seek(LARGE // 2)
            file.write(b"island")
        self.store.copy()
        self.same_island(Path(self.store.upgrading) / "holes")
        with open(path, "r+b") as file:
            file.truncate(LARGE // 8)
            file.seek(1 << 20)
            file.write(b"island")
        saved = self.archived()
        self.restore(saved)
        self.assertEqual(path.stat().st_size, LARGE // 8)
        self.assertLess(path.stat().st_blocks * 512, LARGE // 16)

    def same_island(self, path: Path) -> None:
        self.assertEqual(path.stat().st_size, LARGE)
        self.assertLess(path.stat().st_blocks * 512, LARGE // 100)
        with open(path, "rb") as file:
            file.seek(LARGE // 2 - 2)
            self.assertEqual(file.read(10), b"\0\0island\0\0")

    def test_a_copy_is_equal_and_independent(self) -> None:
        one = self.put("deep/one", b"one")
        (self.path / "link").symlink_to("deep/one")
        (self.path / "empty").mkdir(mode=0o710)
        os.mkfifo(self.path / "pipe")
        for name in ("link", "empty", "pipe"):
            self.give(self.path / name)
        for blocks in (True, False):
            with (
                self.subTest(shares_blocks=blocks),
                unittest.mock.patch.object(tree_copy, "_FICLONE", 0x40049409 if blocks else 0),
            ):
                self.store.copy()
                copy = Path(self.store.upgrading)
                self.assertEqual((copy / "deep" / "one").read_bytes(), b"one")
                self.assertEqual((copy / "deep" / "one").stat().st_mtime_ns, one.stat().st_mtime_ns)
                self.assertEqual(stat.S_IMODE((copy / "deep" / "one").stat().st_mode), 0o640)
                self.assertEqual(os.readlink(copy / "link"), "deep/one")
                self.assertEqual(stat.S_IMODE((copy / "empty").stat().st_mode), 0o710)
                self.assertFalse((copy / "pipe").exists())
                self.assertEqual(store_site.owners(copy), {Owner(self.account.uid, self.account.gid)})
                (copy / "deep" / "one").write_bytes(b"upgraded")
                self.assertEqual(one.read_bytes(), b"one")

    def test_every_change_of_a_copy_is_noticed(self) -> None:
        self.put("one", b"one")
        self.put("two", b"two")
        changes: list[Callable[[Path], object]] = [
            lambda copy: (copy / "one").write_bytes(b"own"),
            lambda copy: (copy / "one").unlink(),
            lambda copy: (copy / "one").rename(copy / "three"),
            lambda copy: (copy / "three").write_bytes(b""),
            lambda copy: (copy / "empty").mkdir(),
            lambda copy: (copy / "one").chmod(0o600),
            lambda copy: (copy / "two").rename(copy / "one"),
        ]
        for number, change in enumerate(changes):
            with self.subTest(number):
                self.store.copy()
                before = self.store.fingerprint()
                self.assertEqual(self.store.fingerprint(), before)
                change(Path(self.store.upgrading))
                self.assertNotEqual(self.store.fingerprint(), before)

    def test_a_copy_replaces_the_directory_despite_any_interruption(self) -> None:
        for cut in range(6):
            with self.subTest(cut):
                self.put("one", b"one")
                (self.path / "new").unlink(missing_ok=True)
                self.store.copy()
                (Path(self.store.upgrading) / "new").write_bytes(b"new")
                with self.cut_at(cut), suppress(KeyboardInterrupt):
                    self.store.adopt()
                self.store.adopt()
                self.assertEqual(self.tree(), {"one": b"one", "new": b"new"})
                self.assert_no_copy()

    @contextmanager
    def cut_at(self, number: int) -> Iterator[None]:
        """Interrupts the block before its step of that number."""
        steps = iter(range(number))
        with ExitStack() as patched:
            for module, name in ((files, "rename"), (files, "sync_directory"), (trees, "remove")):
                act = getattr(module, name)

                def step(*arguments: str, act: Callable[..., object] = act, **options: bool) -> object:
                    if next(steps, None) is None:
                        raise KeyboardInterrupt
                    return act(*arguments, **options)

                patched.enter_context(unittest.mock.patch.object(module, name, step))
            yield

    def test_data_that_no_upgrade_changes_is_never_copied(self) -> None:
        self.put("one")
        store = Directory(self.site, "data/files", upgraded=False)
        self.assertEqual((store.size().content, store.size().copy), (7, 0))
        store.copy()
        self.assertEqual(store.fingerprint(), store.fingerprint())
        self.assert_no_copy()
        store.adopt()
        self.assertEqual(self.tree(), {"one": b"content"})

    def test_missing_and_unusable_data_is_reported(self) -> None:
        self.assertEqual(self.store.check(), [])
        if os.geteuid() == 0:
            os.chown(self.path, 0, 0)
            self.path.chmod(0o755)
            self.assertIn("cannot write there", self.store.check()[0].why)
        shutil.rmtree(self.path)
        self.assertEqual(store_site.whats(self.store.check()), ["the service cannot use its data"])
        for act in (self.store.copy, lambda: self.dump(self.store)):
            with self.assertRaises(Failure) as caught:
                act()
            self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertEqual(self.store.size().content, 0)

    def test_files_that_no_backup_can_hold_are_reported_and_stay(self) -> None:
        self.put("one")
        self.put("two\nlines")
        (self.path / "link").symlink_to("one")
        os.mkfifo(self.path / "pipe")
        with self.told() as told:
            saved = self.archived()
        names = sorted(os.path.relpath(path, self.path) for path in told)
        self.assertEqual(names, ["link", "pipe", "two\nlines"])
        self.restore(saved)
        self.assertEqual(sorted(path.name for path in self.path.iterdir()), ["link", "one", "pipe"])

    @unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
    def test_no_file_planted_by_the_account_leads_elsewhere(self) -> None:
        secret = self.directory / "secret"
        secret.mkdir(mode=0o700)
        (secret / "file").write_text("root's")
        (secret / "file").chmod(0o600)
        self.put("one", b"one")
        (self.path / "directory").symlink_to(secret)
        (self.path / "file").symlink_to(secret / "file")
        # A kernel without fs.protected_hardlinks allows the account to do this.
        os.link(secret / "file", self.path / "second")
        with self.told() as told:
            saved = self.archived()
        self.assertEqual([*saved.entries], ["receipt.json", "data/files/one"])
        self.assertEqual(sorted(map(os.path.basename, told)), ["directory", "file", "second"])
        self.restore(saved)
        os.link(secret / "file", self.path / "second")
        with self.assertRaises(PermissionError):
            self.store.copy()
        (self.path / "second").unlink()
        self.store.copy()
        self.store.adopt()
        (self.path / "directory").unlink()
        self.put("directory/file", b"account's")
        saved = self.archived()
        shutil.rmtree(self.path / "directory")
        (self.path / "directory").symlink_to(secret)
        self.restore(saved)
        self.assertEqual((self.path / "directory" / "file").read_bytes(), b"account's")
        self.assertEqual([(path.name, path.read_text()) for path in secret.iterdir()], [("file", "root's")])
        shutil.rmtree(self.path)
        self.path.symlink_to(secret)
        for act in (self.store.copy, lambda: self.dump(self.store)):
            with self.assertRaises((OSError, Failure)):
                act()
        self.store.discard()
        self.assertEqual([(path.name, path.read_text()) for path in secret.iterdir()], [("file", "root's")])

    @unittest.skipUnless(os.geteuid() == 0, "only root mounts file systems")
    def test_a_separate_file_system_is_saved_but_refused_for_an_upgrade(self) -> None:
        self.need("mount")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "none", str(self.path)], check=True)
        self.addCleanup(subprocess.run, ["umount", str(self.path)], check=True)
        self.give(self.path)
        self.put("one", b"one")
        saved = self.archived()
        self.put("one", b"changed")
        self.restore(saved)
        self.assertEqual(self.tree(), {"one": b"one"})
        with self.assertRaises(Failure) as caught:
            self.store.copy()
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)


if __name__ == "__main__":
    unittest.main()
