from __future__ import annotations

import os
import re
import shlex
import subprocess
import unittest
from collections.abc import Collection
from unittest import mock

import support  # noqa: F401
from installer.answers.answers import Answer
from installer.bundle.api import Site
from installer.errors import Problem
from installer.host.account import Account
from installer.host.network import Listener
from installer.manager import guards
from installer.manager.guards import Advice
from installer.state.instance import Instance
from installer.state.release import Release

HOSTILE = "/srv/key stöne & 'x' |\"y\" $1 (z)*+.[a]{2}^?"


def site_at(release: str, instance: str, service: str = "none") -> Site:
    found = Release(release)
    found.__dict__["bundle"] = {"name": "keystone"}
    answers = {"service": Answer((service,), "flag")}
    return Site(found, Instance(instance), Account("svc", 1, 1, switch=True), answers)


def by_guard(advised: list[Advice], guard: str) -> list[str]:
    return [line for entry in advised if entry.guard == guard for line in entry.commands]


class AdviceTest(unittest.TestCase):
    def advise(self, *listeners: Listener) -> list[Advice]:
        return guards.advise(site_at(HOSTILE, f"{HOSTILE}/instance"), listeners, [f"{HOSTILE}/instance/etc/x.wsgi"])

    def words(self, command: str) -> list[str]:
        """A command as a shell splits it."""
        script = f'semanage() {{ printf "%s\\n" "$@"; }}; restorecon() {{ semanage "$@"; }}; {command}'
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        result = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
        return result.stdout.splitlines()

    def label(self, path: str) -> str:
        """The type by the rules as a shell passes them: the last match counts."""
        found = "none"
        for command in by_guard(self.advise(), "selinux"):
            words = self.words(command)
            if words[0] == "fcontext" and re.fullmatch(words[4].encode("ascii"), path.encode()):
                found = words[3]
        return found

    def test_selinux_rules_match_exactly_these_paths(self) -> None:
        self.assertEqual(self.label(HOSTILE), "usr_t")
        self.assertEqual(self.label(f"{HOSTILE}/bin/httpd"), "bin_t")
        self.assertEqual(self.label(f"{HOSTILE}/init/bootstrap.sh"), "bin_t")
        self.assertEqual(self.label(f"{HOSTILE}/modules/mod_wsgi.so"), "lib_t")
        self.assertEqual(self.label(f"{HOSTILE}/instance/keys/fernet/0"), "var_lib_t")
        self.assertEqual(self.label(f"{HOSTILE}/instance/log/httpd-error.log"), "var_log_t")
        self.assertEqual(self.label(f"{HOSTILE}x/bin/httpd"), "none")
        self.assertEqual(self.label("/srv/bin/httpd"), "none")

    def test_the_rules_give_the_same_labels_as_chcon(self) -> None:
        commands = [shlex.split(command) for command in by_guard(self.advise(), "chcon")]
        # Like `chcon -Rh -t TYPE -- PATH`; if two commands cover a path, the later one counts.
        self.assertEqual([self.label(words[5]) for words in commands], [words[3] for words in commands])

    def test_rules_use_only_characters_that_semanage_accepts(self) -> None:
        for command in by_guard(self.advise(), "selinux"):
            words = self.words(command)
            self.assertRegex(words[4] if words[0] == "fcontext" else "", r"\A[!-~]*\Z")

    def test_an_escaped_first_name_contains_a_special_character(self) -> None:
        for character in sorted({*map(chr, range(32, 127)), "é"} - {"/"}):
            pattern = guards.escape_pattern(f"/a{character}")
            self.assertIsNotNone(re.fullmatch(pattern.encode("ascii"), f"/a{character}".encode()), pattern)
            self.assertFalse("\\" in pattern and not set(pattern) & set(".^$?*+|[({"), pattern)

    def test_every_command_is_a_sequence_of_whole_words(self) -> None:
        for entry in self.advise(Listener("", 5000)):
            for command in entry.commands:
                words = shlex.split(command)
                self.assertFalse([word for word in words if "stöne" in word and not word.startswith("/srv/key")])

    def test_an_instance_elsewhere_is_relabelled_too(self) -> None:
        site = site_at("/opt/release", "/var/lib/instance")
        self.assertEqual(guards.selinux_commands(site)[-1], "restorecon -RF /opt/release /var/lib/instance")
        inside = site_at("/opt/release", "/opt/release/instance")
        self.assertEqual(guards.selinux_commands(inside)[-1], "restorecon -RF /opt/release")

    def test_only_ports_that_others_can_reach_are_opened(self) -> None:
        advised = self.advise(Listener("127.0.0.1", 1), Listener("::1", 2))
        self.assertEqual(by_guard(advised, "ufw") + by_guard(advised, "firewalld") + by_guard(advised, "nftables"), [])
        advised = self.advise(Listener("", 5000), Listener("10.0.0.1", 80), Listener("127.0.0.1", 1))
        self.assertEqual(by_guard(advised, "ufw"), ["ufw allow 80/tcp", "ufw allow 5000/tcp"])
        self.assertIn("--add-port=80/tcp --add-port=5000/tcp", by_guard(advised, "firewalld")[0])

    def test_a_guard_that_needs_nothing_is_not_mentioned_to_this_host(self) -> None:
        site = site_at("/opt/release", "/opt/release/instance")
        advised = [Advice("apparmor", "nothing to do")]
        self.assertEqual(guards.for_this_host(site, advised), [])

    def test_fapolicyd_trusts_the_release_and_the_programs_of_the_instance(self) -> None:
        commands = by_guard(self.advise(), "fapolicyd")
        added = [shlex.split(command) for command in commands[:-1]]
        self.assertEqual([words[:3] for words in added], [["fapolicyd-cli", "--file", "add"]] * 2)
        self.assertEqual([words[3] for words in added], [f"{HOSTILE}/", f"{HOSTILE}/instance/etc/x.wsgi"])
        self.assertEqual([words[4:] for words in added], [["--trust-file", "keystone"]] * 2)
        self.assertEqual(commands[-1], "fapolicyd-cli --update")

    def test_text_is_for_the_shell(self) -> None:
        text = "\n".join(guards.lines(self.advise(Listener("", 5000))))
        result = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


class WarningTest(unittest.TestCase):
    """Simulates a host with SELinux, where every file has this type: other hosts have no labels."""

    def warn(self, label: str, *, service: str = "systemd", programs: Collection[str] = ("semanage",)) -> list[Problem]:
        with (
            mock.patch.object(guards, "_is_selinux_on", return_value=True),
            mock.patch.object(guards, "_label", return_value=label),
            mock.patch.object(guards, "_has", side_effect=programs.__contains__),
        ):
            return guards.warn(site_at("/home/release", "/home/release/instance", service))

    def test_a_start_that_selinux_may_prevent_is_reported_before(self) -> None:
        (problem,) = self.warn("user_home_t")
        self.assertEqual(problem.where, "/home/release")
        self.assertEqual(problem.details, guards.selinux_commands(site_at("/home/release", "/home/release/instance")))

    def test_without_semanage_the_commands_are_those_of_chcon(self) -> None:
        (problem,) = self.warn("user_home_t", programs=())
        self.assertIn("chcon -Rh -t bin_t -- /home/release/bin", problem.details)

    def test_daemons_that_bootstrap_starts_need_no_labels(self) -> None:
        self.assertEqual(self.warn("user_home_t", service="none"), [])

    def test_files_without_labels_mean_a_host_without_selinux(self) -> None:
        self.assertEqual(self.warn(""), [])


if __name__ == "__main__":
    unittest.main()
