"""The life of a bundle whose services are only declarations: real files, real programs, the real engine."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import socket
import sqlite3
import tarfile
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

import declared_bundle
import kit_site
import support
from declared_bundle import STORE, WEB
from fake_product import end
from installer.answers import arguments, own
from installer.commands import backup, install, restore, show, status, uninstall
from installer.commands.uninstall import Wish
from installer.engine.session import Session, open_session
from installer.errors import Exit, Failure
from installer.host.network import Listener
from installer.host.processes import find_processes
from installer.kit import command, secret_file
from installer.service import composition, declaration
from installer.service.service import Service
from installer.state.instance import Instance
from installer.state.release import Release
from product_site import quiet

HOOKS = """
from installer.service.service import Service
from . import words

class Hooks(Service):
    title = words.TITLE

    def next_steps(self, site):
        return ["Read it\\n\\n    nc " + self.urls(site)[0]]

    def values(self, site):
        return {"greeting": words.TITLE}
"""

KEEPER = """
from installer.kit.data.directory import Directory
from installer.service.service import Service

class Hooks(Service):
    def stores(self, site):
        return [Directory(site, "data/own")]
"""


class ServicesTest(support.ReleaseTest):
    def setUp(self) -> None:
        super().setUp()
        if declared_bundle.PYTHON is None:
            self.skipTest("there is no Python that another account could run")
        declared_bundle.make_release(self.root)
        (self.port,) = kit_site.free_ports(1)
        self.addCleanup(lambda: end(self.running()))

    def pids(self) -> dict[str, int]:
        return {process.daemon: process.pid for process in self.running()}

    def session(self, *argv: str) -> Session:
        release = Release(str(self.root))
        return open_session(
            release, composition.load(release), arguments.parse(argv, own.declarations(release.bundle)), {}
        )

    def install(self, *argv: str) -> str:
        with quiet() as output:
            install.install(self.session("install", f"--port={self.port}", *argv))
        return output.getvalue()

    def serve(self, *services: dict[str, Any]) -> None:
        """Makes the release list these services."""
        answers = declared_bundle.ANSWERS
        support.set_bundle(self.root, name="two", version="1", answers=answers, services=list(services))
        support.seal(self.root)

    def ask(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(b"PING\n")
            return client.recv(100).decode()

    def made_by(self, database: str) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.instance / database)) as opened:
            return [name for (name,) in opened.execute("SELECT by FROM made ORDER BY by")]

    def test_an_install_makes_starts_and_proves_all_of_it(self) -> None:
        said = self.install()
        self.assertEqual(self.ask(), "PONG Hello kept")
        self.assertEqual(sorted(self.pids()), ["store", "web"])
        self.assertIn(f"web serves tcp://127.0.0.1:{self.port}\n", said)
        self.assertEqual(self.made_by("data/web.db"), ["prepare"])
        modes = {
            "keys/store": 0o600,
            "etc/web": 0o750,
            "etc/web/web.conf": 0o640,
            "web.txt": 0o600,
            "data/files": 0o700,
        }
        for path, mode in modes.items():
            self.assertEqual((self.instance / path).stat().st_mode & 0o777, mode, path)
        self.assertEqual((self.instance / "web.txt").read_text(), f"web at port {self.port}\n")
        self.assertRegex((self.instance / "keys" / "store").read_text(), r"^[0-9a-f]{32}\n$")
        self.assertEqual((self.instance / "log" / "web.log").read_text(), "serving\n")
        steps = (self.instance / "NEXT-STEPS").read_text()
        for line in (
            f"web serves tcp://127.0.0.1:{self.port}",
            f"    '{self.root}/init/bootstrap.sh' status\n",
            " backup",
            " uninstall --purge",
        ):
            self.assertIn(line, steps)
        secret = self.instance / "keys" / "store"
        for file in self.instance.rglob("*"):
            if file.is_file() and file != secret:
                self.assertNotIn(secret.read_bytes().strip(), file.read_bytes(), file)

    def test_a_second_run_changes_nothing(self) -> None:
        self.install()
        before, pids = self.snapshot(), self.pids()
        self.install()
        self.assertEqual((self.snapshot(), self.pids()), (before, pids))

    def snapshot(self) -> dict[str, tuple[int, int]]:
        found = {path: path.lstat() for path in self.instance.rglob("*") if path.parts[-2:] != ("web.db",)}
        return {str(path): (status.st_ino, status.st_mtime_ns) for path, status in found.items() if path.is_file()}

    def test_a_file_is_reloaded_by_a_signal_and_a_command_line_by_a_restart(self) -> None:
        self.install()
        first = self.pids()
        self.install("--title", "Bye")
        self.assertEqual(self.pids(), first)
        self.assertEqual(self.ask(), "PONG Bye kept")
        (self.port,) = kit_site.free_ports(1)
        self.install()
        second = self.pids()
        self.assertEqual(second["store"], first["store"])
        self.assertNotEqual(second["web"], first["web"])
        self.assertEqual(self.ask(), "PONG Bye kept")

    def test_a_plan_shows_restarts_and_reloads(self) -> None:
        self.install()
        changes = self.plan("--title", "Bye")
        self.assertIn("\nreload web\n", changes)
        self.assertNotIn(" store\n", changes)
        former, (self.port,) = self.port, kit_site.free_ports(1)
        self.assertIn("\nrestart web\n", self.plan())
        self.port = former
        self.serve(STORE, {**WEB, "daemons": [{**WEB["daemons"][0], "reload": ""}]})
        self.install()
        changes = self.plan("--title", "Bye")
        self.assertIn("\nrestart web\n", changes)
        self.assertNotIn(" store\n", changes)

    def test_a_configuration_that_a_daemon_refuses_is_reverted(self) -> None:
        self.install()
        with self.assertRaises(Failure) as caught:
            self.install("--title", "refused")
        self.assertEqual(caught.exception.exit_code, Exit.ROLLED_BACK)
        self.assertIn("this title is refused", caught.exception.problems[0].details)
        self.assertEqual(self.ask(), "PONG Hello kept")

    def test_lost_data_is_reported_and_not_recreated(self) -> None:
        self.install()
        (self.instance / "data" / "web.db").unlink()
        for path in (self.instance / "data" / "files").iterdir():
            path.unlink()
        (self.instance / "data" / "files").rmdir()
        with quiet() as output, self.assertRaises(Failure) as caught:
            status.status(self.session("status"), as_json=False)
        told = [problem.where for problem in caught.exception.problems]
        self.assertIn(str(self.instance / "data" / "web.db"), told, output.getvalue())
        self.assertIn(str(self.instance / "data" / "files"), told)

    def test_a_readable_secret_is_reported(self) -> None:
        self.install()
        (self.instance / "keys" / "store").chmod(0o644)
        with quiet(), self.assertRaises(Failure) as caught:
            status.status(self.session("status"), as_json=False)
        self.assertEqual([problem.what for problem in caught.exception.problems], ["other users can read a secret"])

    def serve_a_secret(self) -> None:
        """The service `web` gets a file with a secret, and a proof that sends it."""
        file = {"path": "etc/web/own.conf", "template": "own.conf", "secret": True, "for": "service"}
        proof = {"send": "PING ${contents.keys/web}\n", "expect": "PONG"}
        web = {**WEB, "files": [*WEB["files"], file], "secrets": [{"path": "keys/web", "bytes": 16}], "proofs": [proof]}
        (self.root / "init/services/web/templates/own.conf").write_text('title @{name}\nkey "@{contents.keys/web}"\n')
        self.serve(STORE, web)

    def plan(self, *argv: str) -> str:
        with quiet() as output:
            show.plan(self.session("plan", f"--port={self.port}", *argv), None, as_json=False)
        return output.getvalue()

    def test_a_file_holds_a_secret_that_is_never_shown(self) -> None:
        self.serve_a_secret()
        self.assertIn('  +title web\n  +key "(hidden)"\n', self.plan())
        said = self.install()
        secret = (self.instance / "keys" / "web").read_text().strip()
        self.assertRegex(secret, r"^[0-9a-f]{32}$")
        self.assertEqual((self.instance / "etc/web/own.conf").read_text(), f'title web\nkey "{secret}"\n')
        session = self.session("status")
        self.assertEqual(session.product.prove(session.site())[-1:], ["'PING (hidden)\\n' is answered with 'PONG'"])
        holders = [file for file in self.instance.rglob("*") if file.is_file() and secret in file.read_text("latin-1")]
        self.assertEqual({file.name for file in holders}, {"web", "own.conf"})
        self.assertNotIn("own.conf", self.plan())
        (self.instance / "keys" / "web").write_text("given\n")
        changes = self.plan()
        self.assertIn('-key "(hidden)\n  +key "(hidden)"\n', changes)
        said += changes + self.install()
        self.assertEqual((self.instance / "etc/web/own.conf").read_text(), 'title web\nkey "given"\n')
        for text in (secret, "given"):
            self.assertNotIn(text, said)

    def test_an_unusable_secret_is_reported(self) -> None:
        self.serve_a_secret()
        self.install()
        (self.instance / "keys" / "web").write_text("")
        with self.assertRaises(Failure) as caught:
            self.install()
        (problem,) = caught.exception.problems
        where = str(self.instance / "keys" / "web")
        self.assertEqual((problem.what, problem.where, problem.why), ("a secret cannot be used", where, "it is empty"))
        (self.instance / "keys" / "web").unlink()
        self.install()

    def test_a_backup_heals_an_unusable_secret(self) -> None:
        self.serve_a_secret()
        self.install()
        path = self.instance / "keys" / "web"
        secret = path.read_text()
        with quiet() as output:
            backup.backup(self.session("backup"), None)
        saved = output.getvalue().strip()
        for unusable in ("", "two\nlines\n"):
            path.write_text(unusable)
            with quiet():
                restore.restore(self.session("restore", f"--port={self.port}", saved), saved)
            self.assertEqual(path.read_text(), secret)
            self.assertIn(secret.strip(), (self.instance / "etc/web/own.conf").read_text())
            self.assertEqual(self.ask(), "PONG Hello kept")

    def test_files_have_the_secret_of_the_run_that_makes_it(self) -> None:
        self.serve_a_secret()
        full = OSError(errno.ENOSPC, "no space")
        with unittest.mock.patch.object(secret_file, "write", side_effect=full), self.assertRaises(OSError):
            self.install()
        # Like in another process.
        secret_file.intended.cache_clear()
        self.install()
        secret = (self.instance / "keys" / "web").read_text()
        self.assertIn(secret.strip(), (self.instance / "etc/web/own.conf").read_text())

    def test_a_secret_is_known_before_the_instance_is_moved(self) -> None:
        self.serve_a_secret()
        self.install()
        session = self.session("status")
        there = dataclasses.replace(
            session.site(), instance=Instance(str(self.directory / "there")), source=session.instance
        )
        secret = (self.instance / "keys" / "web").read_text().strip()
        files = {file.path: file for file in session.product.rendered_files(there)}
        self.assertIn(secret, files["etc/web/own.conf"].content.decode())

    def test_a_backup_restores_secrets_and_data_in_another_place(self) -> None:
        self.install()
        (self.instance / "data" / "files" / "mine").write_text("mine")
        with quiet() as output:
            backup.backup(self.session("backup"), None)
        saved, secret = output.getvalue().strip(), (self.instance / "keys" / "store").read_text()
        other, (port,) = self.directory / "other", kit_site.free_ports(1)
        self.addCleanup(lambda: end(find_processes(str(other / "run"))))
        with quiet():
            restore.restore(self.session("restore", f"--instance={other}", f"--port={port}", saved), saved)
        self.assertEqual((other / "keys" / "store").read_text(), secret)
        self.assertEqual((other / "data" / "files" / "mine").read_text(), "mine")
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"PING\n")
            self.assertEqual(client.recv(100), b"PONG Hello kept")

    def test_an_upgrade_works_on_copies(self) -> None:
        self.install()
        session = self.session("status")
        site = session.site()
        for store in session.product.stores(site):
            store.copy()
        session.product.upgrade_data(site)
        self.assertEqual(self.made_by("data/.upgrading/web.db"), ["prepare", "upgrade"])
        self.assertEqual(sorted(os.listdir(self.instance / "data/.upgrading/files")), ["prepare", "upgrade"])
        self.assertEqual(self.made_by("data/web.db"), ["prepare"])

    def test_a_service_that_a_release_adds_has_no_data_to_save_yet(self) -> None:
        self.serve(STORE)
        with quiet():
            install.install(self.session("install"))
        self.serve(STORE, WEB)
        session = self.session("status")
        site = session.site()
        self.assertEqual(list(session.product.kept(site)), [])
        session.product.upgrade_data(site)
        with quiet():
            backup.backup(session, None)
        self.install()
        self.assertEqual(self.ask(), "PONG Hello kept")
        self.assertEqual(len(session.product.kept(site)), 3)
        (self.instance / "data" / "web.db").unlink()
        with quiet(), self.assertRaises(Failure):
            backup.backup(self.session("backup"), None)

    def test_data_is_saved_before_a_release_that_adds_more(self) -> None:
        self.install()
        for directory in ("files", "images"):
            (self.instance / "data" / directory / "one").touch()
        more = {"name": "more", "summary": "More", "hooks": False, "data": {"directories": ["data/more"]}}
        self.serve(STORE, WEB, more)
        self.install()
        (saved,) = os.listdir(self.instance / "backups")
        self.assertIn("before-install", saved)
        # Only backups made by the command contain bulky data.
        with quiet():
            backup.backup(self.session("backup"), str(self.root.parent / "whole.tar.gz"))
        held = [saved_names(self.instance / "backups" / saved), saved_names(self.root.parent / "whole.tar.gz")]
        self.assertEqual(["data/files/one" in names for names in held], [True, True])
        self.assertEqual(["data/images/one" in names for names in held], [False, True])
        self.assertTrue((self.instance / "data" / "more").is_dir())

    def test_data_that_only_hooks_know_is_saved_once_it_exists(self) -> None:
        place = self.root / "init" / "services" / "own"
        place.mkdir()
        (place / "hooks.py").write_text(KEEPER)
        file = {"path": "etc/own.conf", "template": "own.conf", "secret": False, "for": "service"}
        self.serve({"name": "own", "summary": "Own", "hooks": True, "files": [file]})
        session = self.session("status")
        site = session.candidate()
        # A run interrupted before it made data has written files.
        (self.instance / "etc").mkdir(parents=True)
        (self.instance / "etc" / "own.conf").touch()
        self.assertEqual(list(session.product.kept(site)), [])
        (self.instance / "data" / "own").mkdir(parents=True)
        self.assertEqual([store.paths[0] for store in session.product.kept(site)], ["data/own"])

    def test_a_failing_program_is_reported_with_its_output_and_run_again(self) -> None:
        program = self.root / "bin" / "web-manage"
        text = program.read_text()
        program.write_text(text.replace("import os", "import os, sys; sys.exit('no room')\nimport os"))
        support.seal(self.root)
        with self.assertRaises(Failure) as caught:
            self.install()
        (problem,) = caught.exception.problems
        self.assertEqual((problem.what, problem.details), ("web could not prepare its data", ["no room"]))
        program.write_text(text)
        support.seal(self.root)
        self.install()
        self.assertEqual(self.ask(), "PONG Hello kept")

    def test_a_program_without_progress_is_killed(self) -> None:
        program = self.root / "bin" / "web-manage"
        program.write_text(program.read_text().replace("import os", "import time; time.sleep(60)\nimport os"))
        support.seal(self.root)
        with unittest.mock.patch.object(command, "PATIENCE", 1.0), self.assertRaises(Failure) as caught:
            self.install()
        self.assertEqual(caught.exception.problems[0].why, "it did nothing for 1 s")
        self.assertEqual(self.running(), [])

    def test_an_uninstall_keeps_data_and_a_purge_keeps_nothing(self) -> None:
        self.install()
        with quiet():
            uninstall.uninstall(self.session("uninstall"), Wish())
        self.assertEqual(self.running(), [])
        self.assertTrue((self.instance / "keys" / "store").exists())
        self.install()
        self.assertEqual(self.made_by("data/web.db"), ["prepare"])
        # Former releases had the copy for an upgrade there.
        (self.instance / "data" / "web.db.upgrading").touch()
        with quiet():
            uninstall.uninstall(self.session("uninstall", "--purge", "--yes"), Wish(purge=True, yes=True))
        self.assertFalse(self.instance.exists())

    def test_hooks_override_the_declaration(self) -> None:
        place = self.root / "init" / "services" / "web"
        (place / "hooks.py").write_text(HOOKS)
        (place / "words.py").write_text("TITLE = 'The Web'\n")
        (place / "templates" / "web.txt").write_text("@{greeting}\n")
        self.serve(STORE, {**WEB, "hooks": True})
        said = self.install()
        self.assertIn(f"The Web serves tcp://127.0.0.1:{self.port}\n", said)
        self.assertEqual((self.instance / "web.txt").read_text(), "The Web\n")
        self.assertIn(
            f"\nRead it\n\n    nc tcp://127.0.0.1:{self.port}\n\n\n", (self.instance / "NEXT-STEPS").read_text()
        )
        self.assertEqual(self.ask(), "PONG Hello kept")

    def test_a_value_that_no_service_provides_is_an_error(self) -> None:
        web = json.loads(json.dumps(WEB).replace("needs.store", "needs.other"))
        (self.root / "init/services/web/templates/web.conf").write_text("@{needs.other.socket}")
        self.serve(STORE, web)
        with self.assertRaises(KeyError):
            self.install()


class WebApplicationsTest(kit_site.KitSiteTest):
    def composed(self, *names: str) -> composition.Composition:
        """Services that are web applications, each with its own listener and one that it does not serve."""
        services: dict[str, Service] = {}
        for name in names:
            table = {
                "name": name,
                "listeners": [
                    {"answer": f"{name}-port", "protocol": "http", "publicUrl": "public-url"},
                    {"answer": "raw-port", "protocol": "tcp"},
                ],
                "files": [{"path": f"etc/{name}.conf", "template": "x", "secret": False, "for": "service"}],
                "wsgi": {
                    "application": f"{name}.app:application",
                    "environment": {"CONFIG": "${instance}/etc/${name}.conf", "URL": f"${{listeners.{name}-port.url}}"},
                    "processMemory": 100,
                    "bodyLimit": 10,
                    "errors": "json",
                    "logs": [f"log/{name}.log"],
                },
            }
            services[name] = Service(declaration.parse(table), services)
        return composition.Composition(list(services.values()))

    def test_one_server_runs_all_or_each_has_its_own(self) -> None:
        both = self.composed("one", "two")
        (httpd,) = both.daemons(self.site())
        self.assertEqual(httpd.name, "httpd")
        self.assertLessEqual({"etc/one.conf", "etc/one.wsgi", "etc/two.conf", "etc/two.wsgi"}, set(httpd.files))
        self.assertLessEqual({"log/one.log", "log/two.log"}, set(httpd.logs))
        uwsgi = self.site(server=["uwsgi"])
        self.assertEqual([daemon.name for daemon in both.daemons(uwsgi)], ["uwsgi-one", "uwsgi-two"])
        self.assertEqual([daemon.name for daemon in self.composed("one").daemons(uwsgi)], ["uwsgi"])

    def test_the_server_gets_the_declared_values(self) -> None:
        site = self.site(one_port=["10.0.0.9:8443"], public_url=["https://one.example"], processes=["3"])
        (service,) = self.composed("one").services
        application = service.application(site)
        assert application is not None
        self.assertEqual([str(each) for each in application.listeners], [str(Listener("10.0.0.9", 8443))])
        self.assertEqual(application.environment, {"CONFIG": f"{self.root}/etc/one.conf", "URL": "https://one.example"})
        self.assertEqual((application.processes, application.process_memory), (3, 100 << 20))
        self.assertEqual((application.body_limit, application.errors), (10, "json"))
        self.assertEqual(service.derived(site), {"public-url": "https://one.example", "processes": "3"})
        self.assertEqual(
            list(service.urls(site)), ["https://one.example", "tcp://127.0.0.1:7000", "http://10.0.0.9:8443"]
        )
        self.assertEqual(list(service.scripts(site)), ["etc/one.wsgi"])

    def test_secrets_are_saved_wherever_they_are(self) -> None:
        secrets = [{"path": path, "bytes": 16} for path in ("keys/one", "etc/one/key")]
        service = Service(declaration.parse({"name": "one", "secrets": secrets}), {})
        self.assertEqual(list(composition.Composition([service]).SECRETS), ["keys", "etc/one/key"])

    def test_two_on_one_port_are_refused(self) -> None:
        site = self.site(one_port=["7100"], two_port=["127.0.0.1:7100"])
        told = [problem.what for problem in self.composed("one", "two").check_answers(site)]
        self.assertIn("port 7100 is given twice", told)


def saved_names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


if __name__ == "__main__":
    unittest.main()
