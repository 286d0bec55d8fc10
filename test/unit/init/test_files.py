from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import unittest

import support
from installer.state import files, held


def mode(path: object) -> int:
    return stat.S_IMODE(os.lstat(str(path)).st_mode)


class WriteTest(support.DirectoryTest):
    def test_mode_is_exact_under_any_umask(self) -> None:
        for umask in (0o000, 0o027, 0o077):
            path = self.directory / f"file{umask}"
            directory = self.directory / f"directory{umask}"
            before = os.umask(umask)
            try:
                files.write_atomically(str(path), b"x", 0o640)
                files.ensure_directory(str(directory), 0o750)
            finally:
                os.umask(before)
            self.assertEqual((mode(path), mode(directory)), (0o640, 0o750))

    def test_an_existing_file_is_replaced_not_changed(self) -> None:
        path = self.directory / "file"
        path.write_bytes(b"old")
        with path.open("rb") as reader:
            files.write_atomically(str(path), b"new", 0o600)
            self.assertEqual(reader.read(), b"old")
        self.assertEqual(path.read_bytes(), b"new")

    def test_an_impossible_path_counts_as_missing(self) -> None:
        file = self.directory / "file"
        file.write_bytes(b"content")
        for path in (self.directory / "none", file / "below", self.directory / ("n" * 256)):
            self.assertIsNone(files.read(str(path)))
        self.assertRaises(IsADirectoryError, files.read, str(self.directory))

    def test_a_temporary_file_of_a_killed_writer_is_no_obstacle(self) -> None:
        path = self.directory / "file"
        (self.directory / f"file{files.TEMPORARY_SUFFIX}").write_bytes(b"half")
        files.write_atomically(str(path), b"whole", 0o600)
        self.assertEqual(os.listdir(self.directory), ["file"])

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self) -> None:
        path = self.directory / "file"
        path.write_bytes(b"old")
        with self.assertRaises(TypeError):
            files.write_atomically(str(path), "not bytes", 0o600)  # type: ignore[arg-type]
        self.assertEqual((os.listdir(self.directory), path.read_bytes()), (["file"], b"old"))

    def test_an_error_of_a_descriptor_names_the_file(self) -> None:
        full = self.enterContext(open("/dev/full", "wb", buffering=0))
        with self.assertRaises(OSError) as raised, files.naming("/the/file"):
            full.write(b"x")
        self.assertEqual((raised.exception.errno, raised.exception.filename), (errno.ENOSPC, "/the/file"))

    def test_space_is_reserved_until_it_is_released(self) -> None:
        path = str(self.directory / "file")
        with held.reserving(path, 65536) as give:
            (kept,) = self.directory.iterdir()
            self.assertGreaterEqual(kept.stat().st_blocks * 512, 65536)
            give()
            self.assertEqual(os.listdir(self.directory), [])
        with self.assertRaises(KeyError), held.reserving(path, 65536):
            raise KeyError
        self.assertEqual(os.listdir(self.directory), [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount")
    def test_a_missing_file_of_a_read_only_file_system_counts_as_removed(self) -> None:
        script = (
            f"import sys; sys.path.insert(0, {str(support.INIT)!r}); from installer.state import files;"
            "print(files.remove(sys.argv[1] + '/none')); files.remove(sys.argv[1] + '/there')"
        )
        mount = 'mount -t tmpfs none "$1" && touch "$1/there" && mount -o remount,ro "$1" && exec "$0" -c "$2" "$1"'
        argv = ["unshare", "--mount", "sh", "-c", mount, sys.executable, str(self.directory), script]
        child = subprocess.run(argv, capture_output=True, text=True)
        self.assertEqual(child.stdout, "False\n", child.stderr)
        self.assertIn("Read-only file system", child.stderr)

    def test_a_symbolic_link_is_not_followed(self) -> None:
        target = self.directory / "target"
        target.write_bytes(b"precious")
        (self.directory / "link").symlink_to(target)
        files.write_atomically(str(self.directory / "link"), b"x", 0o600)
        self.assertEqual(target.read_bytes(), b"precious")
        (self.directory / "real").mkdir()
        (self.directory / "to-real").symlink_to(self.directory / "real")
        with self.assertRaises(OSError):
            files.ensure_directory(str(self.directory / "to-real"), 0o700)

    def test_ensure_directory_says_whether_it_did_anything(self) -> None:
        path = str(self.directory / "d")
        self.assertTrue(files.ensure_directory(path, 0o750))
        self.assertFalse(files.ensure_directory(path, 0o750))
        self.assertTrue(files.ensure_directory(path, 0o700))


if __name__ == "__main__":
    unittest.main()
