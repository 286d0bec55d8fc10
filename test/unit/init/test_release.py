from __future__ import annotations

import os
import stat
import subprocess
import sys
import unittest

import support
from installer.errors import Exit, Failure
from installer.state.release import Release


class ReleaseTest(support.DirectoryTest):
    compares_packages = False

    def setUp(self) -> None:
        super().setUp()
        support.make_release(self.directory)
        self.sums = self.directory / "SHA256SUMS"
        (self.directory / "instance").mkdir()
        (self.directory / "instance" / "anything").write_text("x")

    def check(self, instance: str = "") -> list[str]:
        """What is reported, as `why: path`."""
        try:
            Release(str(self.directory), self.compares_packages).check_contents(instance)
        except Failure as failure:
            self.assertEqual(failure.exit_code, Exit.INTEGRITY)
            return [f"{problem.why}: {path}" for problem in failure.problems for path in problem.details]
        return []

    def test_a_complete_release_passes_whatever_its_instance_holds(self) -> None:
        self.assertEqual(self.check(), [])

    def test_the_tests_seal_releases_like_ksbundle(self) -> None:
        for name in ("SHA256SUMS", "init/bundle.json"):
            (self.directory / name).unlink()
        support.set_bundle(self.directory)
        support.seal(self.directory)
        for name in ("manifest.json", "SHA256SUMS", "init/bundle.json"):
            self.assertEqual((self.directory / name).read_text(), (support.GOLDEN / name).read_text())

    def test_signatures_are_no_extra_files(self) -> None:
        for name in ("SHA256SUMS.sig", "SHA256SUMS.mldsa.sig"):
            (self.directory / name).write_bytes(b"signed")
        self.assertEqual(self.check(), [])
        (self.directory / "SHA256SUMS.other.sig").write_bytes(b"signed")
        self.assertEqual(self.check(), ["they are not part of the release: SHA256SUMS.other.sig"])

    def test_added_missing_and_changed_files_are_named_at_once(self) -> None:
        (self.directory / "bin" / "extra").write_text("x")
        (self.directory / "README").unlink()
        (self.directory / "bin" / "tool").chmod(0o644)
        (self.directory / "bin" / "python").unlink()
        (self.directory / "bin" / "python").symlink_to("/bin/sh")
        self.assertEqual(
            self.check(),
            [
                "they are missing: README",
                "their mode or link target was changed: bin/python",
                "their mode or link target was changed: bin/tool",
                "they are not part of the release: bin/extra",
            ],
        )

    def hint(self) -> str:
        with self.assertRaises(Failure) as raised:
            Release(str(self.directory)).check_contents()
        (problem,) = raised.exception.problems
        return problem.hint

    def test_the_hint_for_added_files_repairs_the_release(self) -> None:
        directory = self.directory / "bin" / "__pycache__"
        directory.mkdir()
        (directory / "it's.pyc").write_bytes(b"x")
        (self.directory / "-f").write_text("x")
        subprocess.run(["sh", "-c", self.hint().removeprefix("remove them: ")], check=True)
        self.assertEqual(self.check(), [])

    def test_added_byte_code_is_named_as_such(self) -> None:
        (self.directory / "bin" / "tool.pyc").write_bytes(b"x")
        self.assertEqual(
            self.check(), ["they are not part of the release, but byte code that Python wrote there: bin/tool.pyc"]
        )
        for number in range(21):
            (self.directory / f"tool{number}.pyc").write_bytes(b"x")
        self.assertIn("into a new directory", self.hint())

    def test_a_file_in_place_of_a_link_is_a_change(self) -> None:
        (self.directory / "bin" / "python").unlink()
        (self.directory / "bin" / "python").write_text("x")
        self.assertEqual(self.check(), ["their mode or link target was changed: bin/python"])

    def test_an_instance_may_be_in_the_release_under_any_name(self) -> None:
        (self.directory / "mine").mkdir()
        (self.directory / "mine" / "lock").write_text("")
        self.assertEqual(self.check(), ["they are not part of the release: mine/lock"])
        self.assertEqual(self.check(instance=str(self.directory / "mine")), [])

    def test_a_truncated_or_foreign_checksum_list_is_reported(self) -> None:
        lines = self.sums.read_text().splitlines(keepends=True)
        for damaged in (lines[:1], lines[1:], lines[:-1], [lines[0].replace("  README", "  READMX"), *lines[1:]]):
            self.sums.write_text("".join(damaged))
            with self.subTest(damaged=damaged):
                self.assertEqual(self.check(), ["it is not of this manifest: SHA256SUMS"])

    def test_the_script_that_checks_is_checked(self) -> None:
        (self.directory / "init" / "bootstrap.sh").write_text("#!/bin/true\n")
        self.assertEqual(self.check(), ["its bytes were changed: init/bootstrap.sh"])

    def test_changed_packages_of_python_are_named_if_bootstrap_left_them(self) -> None:
        packages = self.directory / "lib" / "python3.13" / "site-packages"
        packages.mkdir(parents=True, exist_ok=True)
        for number in range(4):
            (packages / f"{number}.py").write_text("")
        support.seal(self.directory)
        self.assertEqual(self.check(), [])
        for number in (0, 1):
            (packages / f"{number}.py").write_text("x = 1")
        self.assertEqual(self.check(), [])
        self.compares_packages = True
        self.assertEqual(
            self.check(), [f"its bytes were changed: lib/python3.13/site-packages/{number}.py" for number in (0, 1)]
        )

    def test_a_missing_manifest_or_checksum_list_is_refused(self) -> None:
        for name in ("manifest.json", "SHA256SUMS"):
            (self.directory / name).rename(self.directory / f"{name}.away")
            with self.subTest(name=name):
                self.assertEqual([line.rpartition(": ")[2] for line in self.check()], [name])
            (self.directory / f"{name}.away").rename(self.directory / name)

    def test_a_umask_at_unpacking_is_no_change(self) -> None:
        (self.directory / "README").chmod(0o600)
        (self.directory / "bin" / "tool").chmod(0o700)
        self.assertEqual(self.check(), [])

    def test_a_file_that_anybody_may_write_or_that_runs_as_its_owner_is_a_change(self) -> None:
        for mode in (0o4755, 0o2755, 0o757):
            (self.directory / "bin" / "tool").chmod(mode)
            with self.subTest(mode=oct(mode)):
                self.assertEqual(self.check(), ["their mode or link target was changed: bin/tool"])

    def foreign(self, release: str = "") -> list[str]:
        """Reported files that another user may change, without mode and owner."""
        try:
            Release(release or str(self.directory)).check_rights()
        except Failure as failure:
            self.assertEqual(failure.exit_code, Exit.INTEGRITY)
            return [detail.partition(" ")[2].partition(" ")[2] for p in failure.problems for detail in p.details]
        return []

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_files_that_another_user_may_change_are_listed(self) -> None:
        self.assertEqual(self.foreign(), [])
        os.chown(self.directory / "instance" / "anything", 12345, 12345)
        self.assertEqual(self.foreign(), [])
        for place in (".", "bin", "README"):
            path = self.directory / place
            name = str(self.directory) if place == "." else place
            former = stat.S_IMODE(path.stat().st_mode)
            for bits in (0o002, 0o020):
                path.chmod(former | bits)
                self.assertEqual(self.foreign(), [name])
                path.chmod(former)
            os.chown(path, 12345, 0)
            self.assertEqual(self.foreign(), [name])
            os.chown(path, 0, 0)
        os.chown(self.directory / "bin" / "python", 12345, 0, follow_symlinks=False)
        self.assertEqual(self.foreign(), ["bin/python"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_directory_above_that_another_user_may_exchange_is_listed(self) -> None:
        release = self.directory / "bin"
        for mode, owner, is_named in ((0o777, 0, True), (0o775, 0, True), (0o1777, 0, False), (0o1755, 12345, True)):
            os.chown(self.directory, owner, 0)
            self.directory.chmod(mode)
            self.assertEqual(self.foreign(str(release)), [str(self.directory)] if is_named else [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_owners_that_a_container_does_not_map_are_trusted(self) -> None:
        check = (
            "import sys; sys.path.insert(0, sys.argv[1]); from installer.state.release import Release\n"
            "try: Release(sys.argv[2]).check_rights()\nexcept Exception: sys.exit(4)"
        )
        command = [sys.executable, "-B", "-c", check, str(support.INIT), str(self.directory)]
        for path in (self.directory, *self.directory.rglob("*")):
            os.chown(path, 12345, 0, follow_symlinks=False)
        for users, code in (("0 0 1", 0), ("0 0 12345", 0), ("0 0 70000", 4), ("0 0 4294967295", 4)):
            self.assertEqual(support.in_container(users, command), code, users)

    def test_a_checksum_list_that_sha256sum_would_forgive_is_refused(self) -> None:
        text = self.sums.read_text()
        for damaged in (
            "",
            text[:-1],
            text.upper(),
            text.replace("  README", " *README"),
            f"{text}junk\n",
            f"\n{text}",
        ):
            self.sums.write_text(damaged)
            with self.subTest(damaged=damaged), self.assertRaises(Failure) as caught:
                _ = Release(str(self.directory)).checksums
            self.assertEqual(caught.exception.exit_code, Exit.INTEGRITY)


if __name__ == "__main__":
    unittest.main()
