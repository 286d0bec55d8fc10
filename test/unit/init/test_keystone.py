"""What Keystone's bundle derives from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import threading
import unittest
import unittest.mock
from typing import Any

import keystone_site
import support
from installer.bundle.api import Site
from installer.host.network import Listener
from installer.state.instance import Instance
from installer.state.release import Release


class KeystoneTest(keystone_site.KeystoneSiteTest):
    def listeners(self, **texts: Any) -> list[str]:
        return [f"{entry.host or '*'}:{entry.port}" for entry in self.product.listeners(self.site(**texts))]

    def test_where_it_listens(self) -> None:
        self.assertEqual(self.listeners(), ["127.0.0.1:5000"])
        self.assertEqual(self.listeners(host=["localhost"]), ["127.0.0.1:5000"])
        self.assertEqual(self.listeners(host=["::1"]), ["::1:5000"])
        self.assertEqual(self.listeners(host=["10.0.0.1"], port=["5000", "35357"]), ["*:5000", "*:35357"])
        self.assertEqual(self.listeners(host=["10.0.0.1"], port=["10.0.0.1:80"]), ["10.0.0.1:80"])

    def url(self, **texts: Any) -> Any:
        return self.product.state(self.site(**texts))["public_url"]

    def test_the_advertised_url(self) -> None:
        self.assertEqual(self.url(), "http://127.0.0.1:5000/v3")
        self.assertEqual(self.url(host=["::1"], port=["6000", "5000"]), "http://[::1]:6000/v3")
        self.assertEqual(self.url(public_url=["https://id.example"]), "https://id.example/v3")
        self.assertEqual(self.url(public_url=["https://id.example/identity/v3/"]), "https://id.example/identity/v3")

    def test_conflicting_ports_are_refused(self) -> None:
        problems = self.product.check_answers(self.site(host=["10.0.0.1"], port=["5000", "10.0.0.1:5000"]))
        self.assertIn("5000 is given twice", problems[0].what)

    def test_httpd_gets_hostile_paths_as_one_word(self) -> None:
        text = self.rendered("etc/httpd.conf", self.site(host=["::1"]))
        quoted = str(self.instance).replace('"', '\\"')
        self.assertIn(f'PidFile "{quoted}/run/httpd.pid"', text)
        self.assertIn("Listen [::1]:5000\n", text)
        self.assertNotIn("ServerRoot", text)
        self.assertFalse(re.search(r"^(User|Group) ", text, re.MULTILINE))

    def test_httpds_own_errors_are_json_of_the_same_status(self) -> None:
        text = self.rendered("etc/httpd.conf", self.site())
        found = re.findall(r"^ErrorDocument (\d+) '(.*)'$", text, re.MULTILINE)
        self.assertGreater(len(found), 10)
        for status, document in found:
            error = json.loads(document)["error"]
            self.assertEqual(error["code"], int(status))
            self.assertEqual(set(error), {"code", "message", "title"})

    def test_keystone_is_loaded_for_a_check_if_an_operator_changed_something(self) -> None:
        site = self.site()
        for directory in self.product.directories(site):
            (self.instance / directory.path).mkdir(parents=True, exist_ok=True)
        rendered = self.product.rendered_files(site)
        for file in rendered:
            (self.instance / file.path).write_bytes(file.content)
        configuration = sys.modules["ksbundle_services.keystone.configuration"]
        self.assertFalse(configuration.is_edited(site, rendered))
        config = self.instance / "etc" / "keystone.conf"
        config.write_text(config.read_text() + "[token]\nexpiration = 60\n")
        self.assertTrue(configuration.is_edited(site, rendered))
        config.write_text(self.rendered("etc/keystone.conf", site))
        self.assertFalse(configuration.is_edited(site, rendered))
        (self.instance / "etc" / "keystone.conf.d" / "mine.conf").touch()
        self.assertTrue(configuration.is_edited(site, rendered))

    def test_keystones_configuration_gets_hostile_paths_whole(self) -> None:
        parser = configparser.RawConfigParser(strict=True)
        parser.read_string(self.rendered("etc/keystone.conf", self.site()))
        connection = parser["database"]["connection"].replace("$$", "$")
        self.assertEqual(connection, f"sqlite:///{self.instance}/data/keystone.db?timeout=30")
        self.assertNotEqual(parser["fernet_tokens"]["key_repository"], parser["credential"]["key_repository"])
        self.assertNotIn("public_endpoint", parser["DEFAULT"])

    def test_a_password_that_comes_through_a_pipe_is_read_once(self) -> None:
        fifo = str(self.directory / "fifo")
        os.mkfifo(fifo)

        def write_late() -> None:
            with open(fifo, "w", encoding="utf-8") as writer:
                writer.write("from a pipe\n")

        site = self.site(admin_password_file=[fifo])
        writer = threading.Thread(target=write_late)
        writer.start()
        self.addCleanup(writer.join)
        self.assertEqual(self.product.check_answers(site), [])
        self.assertEqual(self.product.check_answers(site), [])
        self.assertEqual(sys.modules["ksbundle_services.keystone.password"].given(site), "from a pipe")

    def test_a_pipe_without_a_writer_and_an_endless_file_are_refused(self) -> None:
        fifo = str(self.directory / "fifo")
        os.mkfifo(fifo)
        with unittest.mock.patch("installer.kit.secret_file.PATIENCE", 0.2):
            for path, why in (
                (fifo, "it was not complete"),
                ("/dev/zero", "control character"),
                ("/dev/null", "empty"),
            ):
                (problem,) = self.product.check_answers(self.site(admin_password_file=[path]))
                self.assertIn(why, problem.why)

    def test_wrong_passwords_lock_an_account_as_the_answers_say(self) -> None:
        def section(**texts: Any) -> dict[str, str]:
            parser = configparser.RawConfigParser(default_section="none")
            parser.read_string(self.rendered("etc/keystone.conf", self.site(**texts)))
            return dict(parser["security_compliance"])

        self.assertEqual(section(), {"lockout_failure_attempts": "10", "lockout_duration": "300"})
        self.assertEqual(section(lockout=["3"])["lockout_failure_attempts"], "3")
        self.assertEqual(section(lockout=["0"]), {})

    def test_a_preset_applies_unless_other_answers_are_given(self) -> None:
        def section(**texts: Any) -> dict[str, str]:
            parser = configparser.RawConfigParser(default_section="none")
            parser.read_string(self.rendered("etc/keystone.conf", self.site(hardening=["pci"], **texts)))
            return dict(parser["security_compliance"])

        preset = section()
        self.assertEqual((preset["lockout_failure_attempts"], preset["lockout_duration"]), ("10", "1800"))
        self.assertEqual(preset["password_expires_days"], "90")
        for secret, accepted in (("abcdefghijk1", True), ("abcdefghij1", False), ("abcdefghijkl", False)):
            self.assertEqual(re.match(preset["password_regex"], secret) is not None, accepted, secret)
        self.assertEqual(section(lockout=["3"])["lockout_failure_attempts"], "3")
        self.assertNotIn("lockout_duration", section(lockout=["0"]))
        self.assertEqual(self.product.derived(self.site(hardening=["pci"]))["lockout-duration"], "1800")

    def test_answers_that_are_weaker_than_the_preset_are_named(self) -> None:
        def warned(**texts: Any) -> bool:
            words = [problem.what for problem in self.product.warn(self.site(**texts))]
            return any("--hardening asks for" in text for text in words)

        self.assertFalse(warned(hardening=["pci"], lockout=["6"]))
        for name, value in (("lockout", "0"), ("lockout", "11"), ("lockout_duration", "300")):
            self.assertTrue(warned(hardening=["pci"], **{name: [value]}), name)
            self.assertFalse(warned(**{name: [value]}), name)

    def test_a_first_password_that_the_preset_refuses_is_reported_in_advance(self) -> None:
        file = self.directory / "password"
        file.write_text("short1\n")
        given: dict[str, Any] = {"admin_password_file": [str(file)], "hardening": ["pci"]}
        (problem,) = self.product.check_answers(self.site(**given))
        self.assertIn("at least 12 characters", problem.why)
        (self.instance / "data").mkdir()
        (self.instance / "data" / "keystone.db").touch()
        self.assertEqual(self.product.check_answers(self.site(**given)), [])

    def test_tokens_of_another_provider_need_other_keys_and_end_the_former_ones(self) -> None:
        signed = self.site(token_provider=["jws"])
        self.assertIn("provider = jws\n", self.rendered("etc/keystone.conf", signed))
        self.assertIn("keys/jws-private", self.product.unmade(signed))
        self.assertNotIn("keys/jws-private", self.product.unmade(self.site()))

        def warned(site: Site) -> bool:
            return any("become invalid" in problem.what for problem in self.product.warn(site))

        self.assertFalse(warned(signed))
        (self.instance / "etc").mkdir()
        (self.instance / "etc" / "keystone.conf").write_text(self.rendered("etc/keystone.conf", self.site()))
        self.assertTrue(warned(signed))
        self.assertFalse(warned(self.site()))

    def test_changes_of_the_data_for_a_preset_are_made_once(self) -> None:
        hardening = sys.modules["ksbundle_services.keystone.hardening"]
        plain, hardened = self.site(), self.site(hardening=["pci"])
        before, after = hardening.state(plain), hardening.state(hardened)
        self.assertEqual(hardening.changes(plain, before), {"exempt": [], "inactivity": False})
        first = {"exempt": ["ignore_password_expiry", "ignore_user_inactivity"], "inactivity": True}
        self.assertEqual(hardening.changes(hardened, before), first)
        self.assertEqual(hardening.changes(hardened, after), {"exempt": [], "inactivity": False})

    def test_a_service_without_tls_sends_no_hsts_and_warns_the_operator(self) -> None:
        self.assertIn("hsts=0,", self.rendered("etc/keystone.wsgi", self.site(hsts=["9"])))
        told = [problem.what for problem in self.product.warn(self.site(hsts=["9"]))]
        self.assertIn("hsts has no effect", told)

    def test_metrics_are_off_unless_a_port_is_given_and_then_only_local(self) -> None:
        site = self.site()
        self.assertNotIn("metrics", [daemon.name for daemon in self.product.daemons(site)])
        self.assertIn("meter.measure(application, '')", self.rendered("etc/keystone.wsgi", site))
        site = self.site(metrics_port=["9105"])
        (daemon,) = (daemon for daemon in self.product.daemons(site) if daemon.name == "metrics")
        self.assertIn(Listener("127.0.0.1", 9105), self.product.listeners(site))
        self.assertEqual(daemon.files, ["etc/metrics.json"])
        facts = json.loads(self.rendered("etc/metrics.json", site))
        self.assertEqual((facts["port"], facts["ports"], list(facts["keys"])), (9105, [5000], ["fernet"]))
        directory = site.instance.path("run", "metrics")
        self.assertIn(f"meter.measure(application, {directory!r})", self.rendered("etc/keystone.wsgi", site))
        twice = self.product.check_answers(self.site(metrics_port=["5000"]))
        self.assertIn("port 5000 is given twice", [problem.what for problem in twice])

    def test_no_path_of_keystones_defaults_is_left_to_the_host(self) -> None:
        for name in ("keystone.conf", "httpd.conf", "keystone.wsgi"):
            for line in self.rendered(f"etc/{name}", self.site()).splitlines():
                if not line.startswith("#"):
                    self.assertNotRegex(line, r"(?<!instance)/etc/|/var/|/usr/")

    def test_credentials_give_every_shell_the_same_values(self) -> None:
        secret = "%$& \\'\"é*"
        (self.instance / "demo-password").write_text(f"{secret}\n")
        openrc = self.instance / "demo-openrc.sh"
        openrc.write_text(self.rendered("demo-openrc.sh", self.site(demo=["true"], region=["Region_1"])))
        names = "OS_AUTH_URL OS_USERNAME OS_PASSWORD OS_PROJECT_NAME OS_REGION_NAME OS_CLOUD"
        script = f'. "$0" && for name in {names}; do eval "printf \'%s|\' \\"\\${{$name-unset}}\\""; done'
        for shell in support.SHELLS:
            with self.subTest(shell=" ".join(shell)):
                self.need(shell[0])
                environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "OS_CLOUD": "another"}
                argv = [*shell, "-c", script, str(openrc)]
                result = subprocess.run(argv, env=environment, capture_output=True, text=True)
                words = ["http://127.0.0.1:5000/v3", "demo", secret, "demo", "Region_1", "unset", ""]
                self.assertEqual((result.stdout.split("|"), result.stderr), (words, ""))

    def test_every_shell_can_read_what_is_rendered_for_shells(self) -> None:
        site = self.site(demo=["true"], port=["8443"], host=["192.168.1.103"])
        indented = [line for line in self.rendered("NEXT-STEPS", site).splitlines() if line.startswith("    ")]
        # Lines that show a path begin with a slash, and are not quoted. All words of commands are quoted.
        commands = [line for line in indented if not line.startswith("    /")]
        self.assertGreater(len(commands), 20)
        texts = ["\n".join(commands), self.rendered("admin-openrc.sh", site), self.rendered("demo-openrc.sh", site)]
        for shell in support.SHELLS:
            for text in texts:
                with self.subTest(shell=" ".join(shell), text=text):
                    self.need(shell[0])
                    result = subprocess.run([*shell, "-n"], input=text, capture_output=True, text=True)
                    self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_an_ordinary_user_exists_on_request(self) -> None:
        paths = [file.path for file in self.product.rendered_files(self.site())]
        wanted = [file.path for file in self.product.rendered_files(self.site(demo=["true"]))]
        self.assertEqual(set(wanted) - set(paths), {"demo-openrc.sh"})
        self.assertNotIn("demo:", self.rendered("clouds.yaml", self.site()))
        self.assertIn("demo:", self.rendered("clouds.yaml", self.site(demo=["true"])))
        self.assertNotIn("demo", self.product.state(self.site()))

    def test_operators_files_are_private_and_hold_no_secret(self) -> None:
        before = self.product.rendered_files(self.site(demo=["true"]))
        for name in ("admin", "demo"):
            (self.instance / f"{name}-password").write_text("secret\n")
        after = self.product.rendered_files(self.site(demo=["true"]))
        self.assertEqual(before, after)
        own = [file for file in after if not file.path.startswith("etc/")]
        self.assertEqual({(file.mode, file.owner) for file in own}, {(0o600, None)})
        self.assertEqual(len(own), 5)

    def test_next_steps_name_the_instance_where_it_needs_naming(self) -> None:
        self.assertNotIn("--instance", self.rendered("NEXT-STEPS", self.site()))
        site = self.site()
        elsewhere = Site(site.release, Instance("/srv/a b"), site.account, site.answers)
        text = self.rendered("NEXT-STEPS", elsewhere)
        self.assertIn(" status --instance '/srv/a b'\n", text)
        self.assertNotIn("@{", text)

    def test_uwsgi_gets_no_path_but_relative_ones(self) -> None:
        site = self.site(server=["uwsgi"], host=["10.0.0.1"], port=["5000", "[::1]:35357"])
        text = self.rendered("etc/uwsgi.ini", site)
        self.assertNotIn(str(self.directory), text)
        self.assertIn("http = [::]:5000\nendif =\nif-not-exists = /proc/net/if_inet6\nhttp = 0.0.0.0:5000\n", text)
        self.assertIn("\nhttp = [::1]:35357\n", text)

    def test_one_server_runs_at_a_time(self) -> None:
        for server, other in (("mod_wsgi", "uwsgi.ini"), ("uwsgi", "httpd.conf")):
            site = self.site(server=[server])
            self.assertNotIn(f"etc/{other}", [file.path for file in self.product.rendered_files(site)])
            self.assertEqual(len(self.product.daemons(site)), 2)

    def test_another_host_changes_nothing_that_a_daemon_reads(self) -> None:
        for server in ("mod_wsgi", "uwsgi"):
            read = {path for daemon in self.product.daemons(self.site(server=[server])) for path in daemon.files}
            first, second = (
                {
                    file.path: file.content
                    for file in self.product.rendered_files(self.site(server=[server], host=[host]))
                    if file.path in read
                }
                for host in ("10.0.0.1", "10.0.0.2")
            )
            self.assertEqual(first, second)

    def test_every_file_is_the_same_from_the_same_answers(self) -> None:
        self.assertEqual(self.product.rendered_files(self.site()), self.product.rendered_files(self.site()))

    def password_problems(self, content: bytes) -> list[str]:
        path = self.directory / f"x{content.hex()}"
        path.write_bytes(content)
        return [problem.why for problem in self.product.check_answers(self.site(admin_password_file=[str(path)]))]

    def test_passwords_that_cannot_be_used_are_refused(self) -> None:
        for content in (b"%$&\\'\"\n", b"a", "é".encode() * 36, b"x\r\n", b" x "):
            self.assertEqual(self.password_problems(content), [], content)
        for content in (b"", b"\n", b"a\nb\n", b"a\x00b", b"\xff", b"x" * 73, "é".encode() * 37):
            self.assertEqual(len(self.password_problems(content)), 1, content)

    def path_problems(self, *, release: str = "", instance: str = "") -> list[str]:
        site = self.site()
        named = Site(Release(f"/opt/{release}"), Instance(f"/srv/{instance}"), site.account, site.answers)
        return [problem.what for problem in self.product.check_answers(named)]

    def test_paths_that_cannot_be_quoted_are_refused(self) -> None:
        for text in ("a?b", "a\\$b", "a${b}", "a$HOME", "a$_"):
            self.assertEqual(len(self.path_problems(instance=text)), 1, text)
        for text in ("a:b", "a${b}"):
            self.assertEqual(len(self.path_problems(release=text)), 1, text)

    def test_paths_that_only_look_dangerous_are_not(self) -> None:
        self.assertEqual(self.path_problems(instance="a$ $1 $$ %s:b;c,d", release="a? \\$b $HOME %s;c,d"), [])

    def test_missing_empty_and_open_keys_are_found(self) -> None:
        for name in ("keys/fernet", "keys/credential"):
            (self.instance / name).mkdir(parents=True, mode=0o700)
        keys = [self.instance / "keys" / name / key for name in ("fernet", "credential") for key in "01"]
        for key in keys:
            key.write_text("k")
            key.chmod(0o600)
        self.assertEqual(self.product.check_data(self.site()), [])
        keys[0].chmod(0o640)
        keys[2].write_text("")
        whats = [problem.what for problem in self.product.check_data(self.site())]
        self.assertEqual(whats, ["other users can read the keys", "keys are missing or empty"])
        keys[1].unlink()
        self.assertIn("keys are missing or empty", [problem.what for problem in self.product.check_data(self.site())])


if __name__ == "__main__":
    unittest.main()
