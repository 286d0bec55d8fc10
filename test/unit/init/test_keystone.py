"""What Keystone's bundle derives from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import tomllib
import unittest
from pathlib import Path
from typing import Any

import support
from installer import answers
from installer.account import Account
from installer.answers import Source
from installer.instance import Instance
from installer.product import Site, load_product
from installer.release import Release


def declared_answers() -> list[dict[str, Any]]:
    """What the bundle's recipe declares, as the build writes it into the release: with names in camel case."""
    with (support.REPOSITORY / "recipes" / "keystone" / "bundle.toml").open("rb") as file:
        table = tomllib.load(file)["answer"]
    return [
        {re.sub("-(.)", lambda match: match[1].upper(), key): value for key, value in entry.items()} for entry in table
    ]


ANSWERS = declared_answers()
HOSTILE = "key stöne & 'x' |\"y\" $1 %d"


class KeystoneTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        root = self.directory / HOSTILE
        shutil.copytree(support.INIT, root / "init", ignore=shutil.ignore_patterns("__pycache__"))
        bundle = {"name": "keystone", "version": "1", "revision": 1, "init": "keystone", "answers": ANSWERS}
        (root / "init" / "bundle.json").write_text(json.dumps(bundle))
        self.release = Release(str(root))
        self.product: Any = load_product(self.release)
        self.instance = Path(root) / "instance"
        self.instance.mkdir()

    def site(self, switch: bool = False, **texts: list[str]) -> Site:
        given = Source("flag", {name.replace("_", "-"): values for name, values in texts.items()})
        resolved = answers.resolve(answers.declarations(ANSWERS), [given])
        account = Account("svc", 1234 if switch else os.geteuid(), 1234, switch)
        return Site(self.release, Instance(str(self.instance)), account, resolved)

    def rendered(self, path: str, site: Site) -> str:
        (file,) = [file for file in self.product.rendered_files(site) if file.path == path]
        return str(file.content.decode())

    def listeners(self, **texts: list[str]) -> list[str]:
        return [f"{entry.host or '*'}:{entry.port}" for entry in self.product.listeners(self.site(**texts))]

    def test_where_it_listens(self) -> None:
        self.assertEqual(self.listeners(), ["127.0.0.1:5000"])
        self.assertEqual(self.listeners(host=["localhost"]), ["127.0.0.1:5000"])
        self.assertEqual(self.listeners(host=["::1"]), ["::1:5000"])
        self.assertEqual(self.listeners(host=["10.0.0.1"], port=["5000", "35357"]), ["*:5000", "*:35357"])
        self.assertEqual(self.listeners(host=["10.0.0.1"], port=["10.0.0.1:80"]), ["10.0.0.1:80"])

    def url(self, **texts: list[str]) -> Any:
        return self.product.state(self.site(**texts))["public_url"]

    def test_the_advertised_url(self) -> None:
        self.assertEqual(self.url(), "http://127.0.0.1:5000/v3")
        self.assertEqual(self.url(host=["::1"], port=["6000", "5000"]), "http://[::1]:6000/v3")
        self.assertEqual(self.url(public_url=["https://id.example"]), "https://id.example/v3")
        self.assertEqual(self.url(public_url=["https://id.example/identity/v3/"]), "https://id.example/identity/v3")

    def test_ports_in_each_others_way_are_refused(self) -> None:
        problems = self.product.check_answers(self.site(host=["10.0.0.1"], port=["5000", "10.0.0.1:5000"]))
        self.assertIn("5000 is given twice", problems[0].what)

    def test_httpd_gets_hostile_paths_as_one_word(self) -> None:
        text = self.rendered("etc/httpd.conf", self.site(host=["::1"]))
        quoted = str(self.instance).replace('"', '\\"')
        self.assertIn(f'PidFile "{quoted}/run/httpd.pid"', text)
        self.assertIn("Listen [::1]:5000\nServerName [::1]\n", text)
        self.assertNotIn("ServerRoot", text)
        self.assertFalse(re.search(r"^(User|Group) ", text, re.MULTILINE))

    def test_keystones_configuration_gets_hostile_paths_whole(self) -> None:
        parser = configparser.RawConfigParser(strict=True)
        parser.read_string(self.rendered("etc/keystone.conf", self.site()))
        connection = parser["database"]["connection"].replace("$$", "$")
        self.assertEqual(connection, f"sqlite:///{self.instance}/data/keystone.db?timeout=30")
        self.assertNotEqual(parser["fernet_tokens"]["key_repository"], parser["credential"]["key_repository"])
        self.assertNotIn("public_endpoint", parser["DEFAULT"])

    def test_no_path_of_keystones_defaults_is_left_to_the_host(self) -> None:
        for name in ("keystone.conf", "httpd.conf", "keystone.wsgi"):
            for line in self.rendered(f"etc/{name}", self.site()).splitlines():
                if not line.startswith("#"):
                    self.assertNotRegex(line, r"(?<!instance)/etc/|/var/|/usr/")

    def test_credentials_give_every_shell_the_same_words(self) -> None:
        secret = "%$& \\'\"é*"
        (self.instance / "demo-password").write_text(f"{secret}\n")
        openrc = self.instance / "demo-openrc.sh"
        openrc.write_text(self.rendered("demo-openrc.sh", self.site(demo=["true"], region=["Region_1"])))
        names = "OS_AUTH_URL OS_USERNAME OS_PASSWORD OS_PROJECT_NAME OS_REGION_NAME OS_CLOUD"
        script = f'. "$0" && for name in {names}; do eval "printf \'%s|\' \\"\\${{$name-unset}}\\""; done'
        for shell in support.SHELLS:
            with self.subTest(shell=" ".join(shell)):
                environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "OS_CLOUD": "another"}
                argv = [*shell, "-c", script, str(openrc)]
                result = subprocess.run(argv, env=environment, capture_output=True, text=True)
                words = ["http://127.0.0.1:5000/v3", "demo", secret, "demo", "Region_1", "unset", ""]
                self.assertEqual((result.stdout.split("|"), result.stderr), (words, ""))

    def test_an_ordinary_user_is_there_where_it_is_asked_for(self) -> None:
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
        self.assertEqual(len(own), 4)

    def test_next_steps_name_the_instance_where_it_needs_naming(self) -> None:
        self.assertNotIn("--instance", self.rendered("NEXT-STEPS", self.site()))
        site = self.site()
        elsewhere = Site(site.release, Instance("/srv/a b"), site.account, site.answers)
        text = self.rendered("NEXT-STEPS", elsewhere)
        self.assertIn(" status --instance '/srv/a b'\n", text)
        self.assertNotIn("@{", text)

    def test_every_file_is_the_same_from_the_same_answers(self) -> None:
        self.assertEqual(self.product.rendered_files(self.site()), self.product.rendered_files(self.site()))

    def password_problems(self, content: bytes) -> list[str]:
        path = self.directory / "password"
        path.write_bytes(content)
        return [problem.why for problem in self.product.check_answers(self.site(admin_password_file=[str(path)]))]

    def test_passwords_that_cannot_be_used_are_refused(self) -> None:
        for content in (b"%$&\\'\"\n", b"a", "é".encode() * 36, b"x\r\n", b" x "):
            self.assertEqual(self.password_problems(content), [], content)
        for content in (b"", b"\n", b"a\nb\n", b"a\x00b", b"\xff", b"x" * 73, "é".encode() * 37):
            self.assertEqual(len(self.password_problems(content)), 1, content)

    def test_paths_that_no_quoting_helps_are_refused(self) -> None:
        for text in ("a?b", "a\\$b", "a${b}"):
            site = self.site()
            broken = Site(site.release, Instance(f"/srv/{text}"), site.account, site.answers)
            self.assertEqual(len(self.product.check_answers(broken)), 1, text)

    def test_missing_empty_and_open_keys_are_found(self) -> None:
        for name in ("keys/fernet", "keys/credential", "data"):
            (self.instance / name).mkdir(parents=True, mode=0o700)
        (self.instance / "data" / "keystone.db").write_bytes(b"x")
        keys = [self.instance / "keys" / name / key for name in ("fernet", "credential") for key in "01"]
        for key in keys:
            key.write_text("k")
            key.chmod(0o600)
        self.assertEqual(self.product.check_data(self.site()), [])
        keys[0].chmod(0o640)
        keys[2].write_text("")
        whats = [problem.what for problem in self.product.check_data(self.site())]
        self.assertEqual(whats, ["keys are open to other users", "keys are missing or empty"])
        keys[1].unlink()
        self.assertIn("keys are missing or empty", [problem.what for problem in self.product.check_data(self.site())])


if __name__ == "__main__":
    unittest.main()
