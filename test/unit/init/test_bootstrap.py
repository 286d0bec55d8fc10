"""init/bootstrap.sh under every shell it is written for, on a small release made here."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import support

#: Replaces the installer: prints how it was called.
INSTALLER = """
import os, sys
print("\\n".join([sys.flags.no_site and "ran", os.getcwd(), *sys.argv[1:]]))
print(sorted(name for name in os.environ if name.startswith(("LD_", "CDPATH"))))
"""

#: The tools that compare the release with its signed lists.
LISTING_TOOLS = ("sha256sum", "find", "cut", "sed", "sort", "readlink", "sh")

#: Commands that work on a damaged release.
UNCHECKED = ("stop", "status", "show-config", "maintain", "--help", "--version", "help")


class BootstrapTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.release = self.directory / "the release & 'more'"
        support.make_release(self.release)
        shutil.copy2(support.INIT / "bootstrap.sh", self.release / "init")
        (self.release / "init" / "installer" / "__main__.py").write_text(INSTALLER)
        python = self.release / "bin" / "python3"
        python.write_text(f'#!/bin/sh\nexec "{os.path.realpath(sys.executable)}" "$@"\n')
        python.chmod(0o755)
        (self.release / "data").write_text("precious\n")
        support.seal(self.release)
        self.script = str(self.release / "init" / "bootstrap.sh")

    def bootstrap(
        self, shell: Sequence[str], *arguments: str, script: str = "", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        self.need(shell[0])
        return subprocess.run(
            [*shell, script or self.script, *arguments],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(environment or {})},
            capture_output=True,
            text=True,
        )

    def under_every_shell(
        self,
        check: Callable[[subprocess.CompletedProcess[str]], None],
        *arguments: str,
        script: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        for shell in support.SHELLS:
            with self.subTest(shell=" ".join(shell)):
                check(self.bootstrap(shell, *arguments, script=script, environment=environment))

    def test_arguments_and_directory_arrive_as_they_were(self) -> None:
        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            lines = result.stdout.splitlines()
            self.assertEqual(
                lines[:-1],
                ["ran", str(self.directory), "--compare-packages", "install", "--host", "a b", "", "*", "$x'\""],
            )

        self.under_every_shell(check, "install", "--host", "a b", "", "*", "$x'\"")

    def test_it_finds_its_release_through_symbolic_links(self) -> None:
        (self.directory / "links").mkdir()
        (self.directory / "links" / "one").symlink_to("../two")
        (self.directory / "two").symlink_to(self.script)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stdout.split("\n")[0]), (0, "ran"))

        self.under_every_shell(check, "x", script="links/one")

    def test_a_relative_path_and_a_hostile_environment(self) -> None:
        hostile = {
            "CDPATH": "/:/usr",
            "LD_LIBRARY_PATH": "/nonexistent",
            "LANGUAGE": "tr",
            "POSIXLY_CORRECT": "1",
            "IFS": "/",
            "PYTHONHOME": "/nonexistent",
            "PYTHONPATH": "/nonexistent",
            "TMPDIR": "/nonexistent",
        }
        script = os.path.relpath(self.script, self.directory)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout.splitlines()[-1], "[]")

        self.under_every_shell(check, "x", script=script, environment=hostile)

    def damaged(self, *names: str) -> None:
        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stdout), (4, ""))
            for name in names:
                self.assertIn(name, result.stderr)

        self.under_every_shell(check, "install")

    def test_a_flipped_byte_is_refused_and_named(self) -> None:
        (self.release / "data").write_text("precioux\n")
        self.damaged("data")

    def test_a_missing_file_is_refused_and_named(self) -> None:
        (self.release / "data").unlink()
        self.damaged("data")

    def test_packages_of_python_are_left_to_the_installer_which_runs_without_them(self) -> None:
        package = self.release / "lib" / "python3.13" / "site-packages" / "package.py"
        package.parent.mkdir(parents=True, exist_ok=True)
        package.write_text("")
        support.seal(self.release)
        package.write_text("x = 1")

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stdout.split("\n")[0]), (0, "ran"))

        self.under_every_shell(check, "install")
        for other in ("lib/python3.13/package.py", "init/lib/python3.13/site-packages/package.py"):
            path = self.release / other
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            support.seal(self.release)
            path.write_text("x = 1")
            with self.subTest(other):
                self.damaged(other)

    def test_damage_that_sha256sum_only_warns_of_is_refused(self) -> None:
        sums = self.release / "SHA256SUMS"
        sums.write_text(sums.read_text().replace("data", "data", 1).replace(sums.read_text()[70], "g", 1) + "no line\n")
        self.damaged()

    def test_control_characters_in_names_are_escaped(self) -> None:
        name = "da\x1b]0;x\x07ta \x7f\x9b31m \u202eexe\tö"
        (self.release / name).write_text("x")
        support.seal(self.release)
        bidirectional = "da\u009b31m \u202eexe ö"
        (self.release / bidirectional).write_text("x")
        moved = self.release.with_name("an\x1b[31m\u202e\nerror: é")
        self.release.rename(moved)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 4)
            self.assertIn("  | ./da\\x1b]0;x\\x07ta \\x7f\\x9b31m \\u202eexe\\x09ö\n", result.stderr)
            self.assertRegex(result.stderr, r"\A[\n -~ö]*\Z")

        self.under_every_shell(check, "install", script=str(moved / "init" / "bootstrap.sh"))
        (moved / name).unlink()
        self.release = moved
        support.seal(self.release)
        (moved / bidirectional).write_text("y")

        def check_damage(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 4)
            self.assertIn("  | da\\x9b31m \\u202eexe ö: FAILED\n", result.stderr)
            self.assertRegex(result.stderr, r"\A[\n -~ö]*\Z")

        self.under_every_shell(check_damage, "install", script=str(moved / "init" / "bootstrap.sh"))
        (moved / bidirectional).write_text("x")
        (moved / "bin" / "python3").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
        support.seal(self.release)

        def check_lines(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 3)
            shown = r"an\\x1b\[31m\\u202e\\x0aerror: é"
            self.assertRegex(result.stderr, rf"\Aerror: cannot run [^\n]*/{shown}/bin/python3\n  why: ")
            self.assertRegex(result.stderr, r"\A[\n -~é]*\Z")

        self.under_every_shell(check_lines, "install", script=str(moved / "init" / "bootstrap.sh"))

    def test_without_awk_names_are_shown_in_ascii(self) -> None:
        (self.release / "d\x1bö").write_text("x")
        self.host_with("sha256sum", "tr", "sed")
        support.seal(self.release)
        (self.release / "d\x1bö").write_text("y")
        # Busybox has its own awk.
        self.assertIn("  | d???: FAILED\n", self.bootstrap(["dash"], "install").stderr)

    def test_verify_with_json_answers_in_json(self) -> None:
        (self.release / "data").write_text("x")

        wanted = {
            "what": "the release is not as it was packed",
            "where": str(self.release),
            "why": "these files differ from SHA256SUMS:",
            "hint": "unpack the tarball again; nothing was changed here",
        }

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 4)
            document = json.loads(result.stdout)
            (problem,) = document.pop("problems")
            self.assertEqual(document, {"ok": False})
            self.assertEqual(problem.pop("details")[0], "data: FAILED")
            self.assertEqual(problem, wanted)

        self.under_every_shell(check, "verify", "--json")

    def test_every_refusal_with_json_is_complete_in_json(self) -> None:
        name = 'a "b\\" \\\\n é'
        self.release.rename(self.release.with_name(name))
        self.release = self.release.with_name(name)
        file = self.add(f"bin/{name}\x1b")

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 4)
            (problem,) = json.loads(result.stdout)["problems"]
            self.assertEqual(problem["where"], str(self.release))
            self.assertIn(f"error: {problem['what']}\n  why: {problem['why']}\n", result.stderr)
            self.assertIn("".join(f"  | {line}\n" for line in problem["details"]), result.stderr)
            self.assertIn(f"\n  do: {problem['hint']}\n", result.stderr)

        script = str(self.release / "init" / "bootstrap.sh")
        self.under_every_shell(check, "verify", "--json", script=script)
        file.rename(file.with_name(name))
        self.under_every_shell(check, "verify", "--json", script=script)

    def test_stopping_and_helping_work_on_a_damaged_release(self) -> None:
        (self.release / "data").write_text("x")
        for argument in ("stop", "status", "--help"):

            def check(result: subprocess.CompletedProcess[str]) -> None:
                self.assertEqual(result.returncode, 0)

            self.under_every_shell(check, argument)

    def sign(self, curve: str = "prime256v1", digest: str = "sha256") -> str:
        """Signs the release as it is now, with an instance in it; returns the path of the public key."""
        (self.release / "instance" / "run").mkdir(parents=True)
        (self.release / "instance" / "anything").write_text("x")
        support.seal(self.release)
        key, public = str(self.directory / "a key"), str(self.directory / "a key.pub")
        self.openssl("ecparam", "-genkey", "-noout", "-name", curve, "-out", key)
        self.openssl("pkey", "-in", key, "-pubout", "-out", public)
        sums = str(self.release / "SHA256SUMS")
        self.openssl("dgst", f"-{digest}", "-sign", key, "-out", f"{sums}.sig", sums)
        return public

    def test_a_signed_release_runs_and_the_installer_never_sees_the_option(self) -> None:
        public = self.sign()

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout.splitlines()[2:-1], ["install", "a b", ""])

        self.under_every_shell(check, "--require-signature", public, "install", "a b", "")
        self.under_every_shell(check, "install", f"--require-signature={public}", "a b", "")
        self.under_every_shell(check, "install", "a b", "", "--require-signature", public)

    def test_a_key_on_p_384_signs_sha_384(self) -> None:
        public = self.sign("secp384r1", "sha384")
        certificate = str(self.directory / "a certificate")
        request = ["-x509", "-new", "-key", public.removesuffix(".pub"), "-subj", "/CN=releases", "-days", "2"]
        self.openssl("req", *request, "-out", certificate)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))

        self.under_every_shell(check, "--require-signature", public, "install")
        self.under_every_shell(check, "--require-signature", certificate, "install")
        sums = self.release / "SHA256SUMS"
        sums.write_bytes(sums.read_bytes() + b"\n")
        self.refused(4, "not signed with this key", "install", "--require-signature", public)
        self.refused(4, "not signed with this key", "install", "--require-signature", certificate)

    def test_a_second_signature_is_verified_only_by_an_openssl_that_supports_it(self) -> None:
        self.sign()
        sums = self.release / "SHA256SUMS"
        signature = self.release / "SHA256SUMS.mldsa.sig"
        signature.write_bytes(b"not yet one")
        public = self.directory / "ml-dsa.pub"

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))

        self.under_every_shell(check, "install")
        known = subprocess.run(["openssl", "list", "-signature-algorithms"], capture_output=True, check=False).stdout
        if b"ML-DSA" not in known:
            # The beginning of every ML-DSA-65 public key; no tool here can make a complete one.
            start = base64.b64encode(bytes.fromhex("308207b2300b0609608648016503040312038207a100") + bytes(1952))
            lines = [start[index : index + 64].decode() for index in range(0, len(start), 64)]
            public.write_text("\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]))
            self.refused(3, "cannot verify ML-DSA", "install", "--require-signature", str(public))
            return
        key = str(self.directory / "ml-dsa")
        self.openssl("genpkey", "-algorithm", "ML-DSA-65", "-out", key)
        self.openssl("pkey", "-in", key, "-pubout", "-out", str(public))
        self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", str(sums), "-out", str(signature))
        self.under_every_shell(check, "install", "--require-signature", str(public))
        sums.write_bytes(sums.read_bytes() + b"\n")
        self.refused(4, "not signed with this key", "install", "--require-signature", str(public))
        signature.unlink()
        self.refused(4, "not signed with ML-DSA", "install", "--require-signature", str(public))

    def refused(self, code: int, text: str, *arguments: str) -> None:
        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stdout), (code, ""))
            self.assertIn(text, result.stderr)

        self.under_every_shell(check, *arguments)

    def test_a_required_signature_covers_packages_of_python_for_every_command(self) -> None:
        package = self.release / "lib" / "python3.13" / "site-packages" / "package.py"
        package.parent.mkdir(parents=True, exist_ok=True)
        package.write_text("")
        support.seal(self.release)
        public = self.sign()
        package.write_text("x = 1")
        for command in ("install", "maintain"):
            self.refused(4, "package.py: FAILED", command, "--require-signature", public)
        self.refused(4, "package.py: FAILED", "--instance", "/nonexistent", "maintain", "--require-signature", public)

    def test_an_unsigned_release_is_refused_by_every_command(self) -> None:
        public = self.sign()
        signature = (self.release / "SHA256SUMS.sig").read_bytes()
        (self.release / "SHA256SUMS.sig").unlink()
        for command in ("status", "stop", "--help"):
            self.assertEqual(self.bootstrap(["dash"], command, "--require-signature", public).returncode, 4)
        self.refused(4, "not signed", "install", "--require-signature", public)
        (self.release / "SHA256SUMS.sig").write_bytes(signature[:-1] + bytes([signature[-1] ^ 1]))
        self.refused(4, "not signed with this key", "install", "--require-signature", public)
        (self.release / "SHA256SUMS.sig").write_bytes(signature)
        other = str(self.directory / "other")
        self.openssl("ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", other)
        self.openssl("pkey", "-in", other, "-pubout", "-out", f"{other}.pub")
        self.refused(4, "not signed with this key", "install", "--require-signature", f"{other}.pub")
        (self.release / "data").write_text("other")
        self.refused(4, "data", "install", "--require-signature", public)
        support.seal(self.release)
        self.refused(4, "not signed with this key", "install", "--require-signature", public)

    def test_added_files_and_swapped_links_are_refused_before_anything_runs(self) -> None:
        public = self.sign()
        link = self.release / "bin" / "python"
        evil = self.release / "init" / "installer" / "sitecustomize.py"
        ran = self.directory / "ran"
        evil.write_text(f"open({str(ran)!r}, 'w')")
        self.refused(4, "sitecustomize.py", "install", "--require-signature", public)
        evil.unlink()
        link.unlink()
        link.symlink_to("/bin/true")
        self.refused(4, "bin/python -> /bin/true", "install", "--require-signature", public)
        link.unlink()
        self.refused(4, "bin/python -> python3", "install", "--require-signature", public)
        link.symlink_to("python3")
        shutil.move(self.release / "init" / "installer", self.directory / "installer")
        (self.release / "init" / "installer").symlink_to(self.directory / "installer")
        self.refused(4, "init/installer -> ", "install", "--require-signature", public)
        self.assertFalse(ran.exists())

    def add(self, name: str, content: str = "") -> Path:
        file = self.release / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        return file

    def test_names_with_line_breaks_are_refused_however_they_fit_a_list(self) -> None:
        public = self.sign()
        ran = self.directory / "ran"
        for name in ("x\naaevil.pth", "x\nbbevil.pth"):
            self.add(f"init/{name}", f"import sys; open({str(ran)!r}, 'w')\n")
        for arguments in (["install"], ["stop"], ["--help"], ["install", "--require-signature", public]):
            self.refused(4, "names with control characters", *arguments)
        self.assertFalse(ran.exists())

    def test_every_control_character_is_refused_even_if_the_checksums_list_it(self) -> None:
        for character in "\r\t\x1b\x7f":
            name = f"data{character}"
            self.add(name)
            support.seal(self.release)
            self.refused(4, "names with control characters", "install")
            (self.release / name).unlink()

    def test_a_list_that_names_a_file_twice_hides_no_other(self) -> None:
        self.add("init/installer/evil.pth")
        sums = self.release / "SHA256SUMS"
        lines = sums.read_text().splitlines(keepends=True)
        sums.write_text("".join([*lines, lines[0]]))
        self.refused(4, "init/installer/evil.pth", "install")

    def test_files_added_to_the_code_are_refused_by_every_command_without_a_signature(self) -> None:
        added = (
            "init/installer/__pycache__/cli.cpython-313.pyc",
            "init/installer/sitecustomize.py",
            "bin/pyvenv.cfg",
            "lib/python313.zip",
        )
        for name in added:
            file = self.add(name)
            for command in ("install", *UNCHECKED):
                result = self.bootstrap(["dash"], command)
                self.assertEqual((result.returncode, result.stdout), (4, ""), f"{command} with {name}")
                self.assertIn(name, result.stderr)
            self.refused(4, name, "status")
            file.unlink()

    def test_files_added_elsewhere_do_not_prevent_a_stop(self) -> None:
        self.add("notes")
        self.refused(4, "notes", "install")
        for command in UNCHECKED:
            self.assertEqual(self.bootstrap(["dash"], command).returncode, 0, command)

    def test_a_missing_checksum_list_stops_no_command_that_tolerates_damage(self) -> None:
        self.sign()
        for name in ("SHA256SUMS", "manifest.json"):
            (self.release / name).unlink()
            for command in UNCHECKED:
                self.assertEqual(self.bootstrap(["dash"], command).returncode, 0, command)

    def test_an_instance_may_be_in_the_release_under_another_name_but_hides_no_packed_file(self) -> None:
        public = self.sign()
        self.add("mine/lock")
        self.add("mine/evil.py")

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))

        self.under_every_shell(check, "install")
        self.refused(4, "mine/", "install", "--require-signature", public)
        self.add("init/lock")
        self.refused(4, "init/lock", "install")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_release_that_another_user_may_change_is_refused_to_root_and_fixed_by_the_hint(self) -> None:
        self.add("instance/data")
        places = (".", "bin", "init/installer", "data")
        faults: list[Callable[[Path], None]] = [
            lambda path: path.chmod(path.stat().st_mode | 0o002),
            lambda path: path.chmod(path.stat().st_mode | 0o020),
            lambda path: os.chown(path, 12345, 0),
        ]
        os.chown(self.release / "instance" / "data", 12345, 12345)
        for place in places:
            for fault in faults:
                fault(self.release / place)
                for command in ("install", *UNCHECKED):
                    result = self.bootstrap(["dash"], command)
                    self.assertEqual((result.returncode, result.stdout), (4, ""), f"{command}: {place}")
                self.refused(4, "another user can change the release", "status")
                said = self.bootstrap(["dash"], "install").stderr
                mend = said[said.index("cd '") :].strip()
                subprocess.run(["sh", "-c", mend], check=True)
                self.assertEqual(self.bootstrap(["dash"], "install").returncode, 0, said)
        self.assertEqual((self.release / "instance" / "data").stat().st_uid, 12345)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_directory_above_that_another_user_may_exchange_is_refused(self) -> None:
        for mode, owner, code in ((0o777, 0, 4), (0o775, 0, 4), (0o755, 12345, 4), (0o1777, 0, 0), (0o1777, 12345, 4)):
            os.chown(self.directory, owner, 0)
            self.directory.chmod(mode)
            for command in ("install", *UNCHECKED):
                result = self.bootstrap(["dash"], command)
                self.assertEqual(result.returncode, code, f"{command}: {mode:o} of {owner}")
                self.assertEqual("another user can replace the release" in result.stderr, code == 4)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_owners_that_a_container_does_not_map_are_trusted(self) -> None:
        """In a rootless container, a mounted release has an owner that no user of the container can be."""

        everything = (self.directory, self.release, *self.release.rglob("*"))
        for path in everything:
            os.chown(path, 12345, 0, follow_symlinks=False)
        for shell in support.SHELLS:
            for users, code in (("0 0 1", 0), ("0 0 12345", 0), ("0 0 70000", 4), ("0 0 4294967295", 4)):
                with self.subTest(shell=shell, users=users):
                    self.assertEqual(self.in_container(users, shell), code)
        for path in everything:
            os.chown(path, 200_000, 0, follow_symlinks=False)
        # To the container, this user is like its own nobody.
        self.assertEqual(self.in_container("0 0 70000", ["dash"]), 4)
        self.assertEqual(self.in_container("0 0 1", ["dash"]), 0)
        (self.release / "data").chmod(0o666)
        self.assertEqual(self.in_container("0 0 1", ["dash"]), 4)

    def in_container(self, users: str, shell: Sequence[str]) -> int:
        if shutil.which(shell[0]) is None:
            self.skipTest(f"{shell[0]} is not installed")
        return support.in_container(users, [*shell, self.script, "status"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_an_ordinary_user_may_run_a_release_of_another(self) -> None:
        self.need("dash")
        python = self.release / "bin" / "python3"
        python.write_text("#!/bin/sh\n")
        support.seal(self.release)
        self.directory.chmod(0o777)
        for path in (self.release, *self.release.rglob("*")):
            os.chown(path, 12345, 12345)
        result = subprocess.run(
            ["dash", self.script, "status"],
            cwd="/",
            capture_output=True,
            text=True,
            user=12346,
            group=12346,
            extra_groups=(),
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_host_with_little_more_than_a_shell_counts_the_files(self) -> None:
        self.host_with("printf", "sha256sum")
        self.sign()
        manifest = json.loads((self.release / "manifest.json").read_text())
        packed = len(manifest["files"]) + len(("manifest.json", "SHA256SUMS", "SHA256SUMS.sig"))

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))

        self.under_every_shell(check, "install")
        for name in ("lib/python313.zip", "init/installer/.hidden", "init/..odd"):
            file = self.add(name)
            # busybox uses its own find, whatever PATH says.
            self.refused(4, "the release is not as it was packed", "install")
            self.assertIn(
                f"files and links: {packed + 1}, packed: {packed}\n", self.bootstrap(["dash"], "install").stderr
            )
            file.unlink()

    def test_an_invalid_key_is_refused(self) -> None:
        public = self.sign()
        for arguments in (
            ["--require-signature"],
            ["--require-signature="],
            ["--require-signature", ""],
            ["--require-signature", "/nonexistent"],
            ["--require-signature", str(self.directory)],
        ):
            with self.subTest(arguments=arguments):
                result = self.bootstrap(["dash"], "install", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn("cannot read the public key", result.stderr)
        Path(public).write_text("no key")
        self.refused(4, "not signed with this key", "install", "--require-signature", public)

    def test_a_certificate_is_accepted_for_its_key_while_it_is_valid(self) -> None:
        self.need("faketime")
        key = self.sign().removesuffix(".pub")
        certificate = str(self.directory / "a certificate")

        def certify(key: str, at: str) -> None:
            issue = ["openssl", "req", "-x509", "-new", "-key", key, "-subj", "/CN=releases", "-days", "2"]
            subprocess.run(["faketime", at, *issue, "-out", certificate], check=True, capture_output=True)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual((result.returncode, result.stderr), (0, ""))

        certify(key, "-1 hour")
        self.under_every_shell(check, "--require-signature", certificate, "install")
        for at in ("-3 days", "+2 days"):
            certify(key, at)
            self.refused(4, "not valid now", "install", "--require-signature", certificate)
        other = str(self.directory / "other")
        self.openssl("ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", other)
        certify(other, "-1 hour")
        self.refused(4, "not signed with this key", "install", "--require-signature", certificate)

    def host_with(self, *tools: str) -> Path:
        """Makes the script see these tools and no others; returns their directory. To be called before it is signed."""
        directory = self.directory / "tools"
        directory.mkdir()
        for tool in tools:
            self.need(tool)
            (directory / tool).symlink_to(shutil.which(tool) or "")
        script = Path(self.script)
        system = "PATH=/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}"
        self.assertIn(system, script.read_text())
        script.write_text(script.read_text().replace(system, f"PATH='{directory}'"))
        return directory

    def test_without_openssl_a_signature_cannot_be_required(self) -> None:
        self.host_with("printf", *LISTING_TOOLS)
        self.refused(3, "openssl is missing", "install", "--require-signature", self.sign())

    def test_a_tool_that_fails_never_lets_a_release_pass(self) -> None:
        tools = self.host_with("openssl", *LISTING_TOOLS)
        public = self.sign()
        self.assertEqual(self.bootstrap(["dash"], "--require-signature", public).returncode, 0)
        for tool in ("openssl", *LISTING_TOOLS):
            if tool == "sh":
                continue  # The release's programs need it, too.
            whole = (tools / tool).readlink()
            for broken in ("false", "true"):
                if broken == "true" and tool in ("openssl", "sha256sum"):
                    continue  # Nothing verifies the result of these two.
                (tools / tool).unlink()
                (tools / tool).symlink_to(shutil.which(broken) or broken)
                with self.subTest(tool=tool, broken=broken):
                    self.assertEqual(self.bootstrap(["dash"], "--require-signature", public).returncode, 4)
            (tools / tool).unlink()
            (tools / tool).symlink_to(whole)

    def test_a_program_of_another_machine_is_explained(self) -> None:
        python = self.release / "bin" / "python3"
        python.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
        support.seal(self.release)

        def check(result: subprocess.CompletedProcess[str]) -> None:
            self.assertEqual(result.returncode, 3)
            self.assertIn("cannot run", result.stderr)

        self.under_every_shell(check, "install")

    def test_a_missing_tool_is_named(self) -> None:
        tools = self.directory / "tools"
        tools.mkdir()
        self.need("dash")
        # The script puts the system's directories first; a copy without that simulates a host without the tool.
        script = Path(self.script)
        script.write_text(
            script.read_text().replace("PATH=/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}", "PATH=/nonexistent")
        )
        result = subprocess.run([shutil.which("dash") or "", self.script, "install"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 3)
        self.assertIn("sha256sum is missing", result.stderr)

    def test_the_script_is_clean(self) -> None:
        for shell in support.SHELLS:
            with self.subTest(shell=shell[0]):
                self.need(shell[0])
                # For a readable script it only gives advice on speed.
                argv = [*shell, "-n", str(support.INIT / "bootstrap.sh")]
                result = subprocess.run(argv, capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stderr)
        self.need("shellcheck")
        subprocess.run(["shellcheck", "-s", "sh", str(support.INIT / "bootstrap.sh")], check=True)


if __name__ == "__main__":
    unittest.main()
