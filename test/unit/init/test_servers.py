"""Two web applications of one instance: under one httpd, or a uWSGI each. The servers are a release's own, where these
tests run on one (KSBUNDLE_TEST_INIT)."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import socket
import ssl
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import kit_site
from installer.bundle.api import Site
from installer.errors import Failure
from installer.host import processes
from installer.host.account import service_environment
from installer.host.network import Listener
from installer.kit import proofs, readiness, servers, tls, web
from installer.kit.proofs import Request
from installer.kit.wsgi import Application
from installer.state import files
from kit_site import RELEASE, free_ports

#: Answers with its process's environment, its URL and its body's length. The request names itself.
APPLICATION = """
import json, os
def {name}(environ, start_response):
    length = len(environ["wsgi.input"].read())
    seen = {{"greeting": os.environ.get("GREETING"), "host": environ["HTTP_HOST"], "length": length}}
    name = environ.get("HTTP_X_REQUEST_ID", "")
    start_response("200 OK", [("X-Request-Id", name), ("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
"""
ACCESS_LOGS = {"mod_wsgi": "log/httpd-access.log", "uwsgi": "log/uwsgi-first/access.log"}
#: Targets of requests, and headers. A server may log a request that it answers with 400 without its target.
HOSTILE = [
    (b"/asked?plain=%00%0a%22%5c", b'User-Agent: "\\\xff\r\n'),
    (b'/asked"\\quotes', b'X-Request-Id: a"b\\c\r\n'),
    (b"/asked/\xff\xc3\xa9\x9b%41?\x80", b"X-Request-Id: \xff\r\n"),
    (b"/asked/" + b"\xff" * 4000, b"X-Request-Id: " + b"x" * 300 + b"\r\n"),
    (b"/asked/" + b"x" * 7900, b'X-Forwarded-For: "} \xff, 10.0.0.1, ::1\r\n'),
    (b"/asked#'}", b'X-Forwarded-For: fe80::1%"}\r\n'),
    (b"/asked\x00", b""),
    (b"/asked\x1b[31m", b""),
    (b"/asked\ttab", b""),
    (b"/asked\x0b", b""),
    (b'"/asked\xff', b""),
]
#: URIs of the requests that both servers accept, as in the log.
LOGGED = [
    "/asked?plain=%00%0a%22%5c",
    "/asked%22%5cquotes",
    "/asked/%ff%c3%a9%9b%2541%3f%80",
    "/asked/" + ("%ff" * 4000)[:7993],
    "/asked/" + "x" * 7900,
]
SCRIPT = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the second one"]
"""


class ServersTest(kit_site.KitSiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.ports = free_ports(3)

    def applications(self, site: Site) -> list[Application]:
        one, two, three = (Listener("127.0.0.1", port) for port in self.ports)
        greeting = {"GREETING": 'grüß "Gott" %d $(x) \'n'}
        return [
            Application(
                "first",
                [one, three],
                web.public_url(site, [one]),
                application="ksb_one:answer",
                environment=greeting,
                body_limit=1000,
                errors="json",
            ),
            Application("second", [two], web.public_url(site, [two]), script="etc/own.wsgi", body_limit=5000),
        ]

    def names(self, site: Site, count: int = 2) -> dict[str, list[str]]:
        some = self.applications(site)[:count]
        return {
            "daemons": [daemon.name for daemon in servers.daemons(site, some)],
            "files": [file.path for file in servers.rendered_files(site, some)],
            "directories": [directory.path for directory in servers.directories(site, some)],
        }

    def test_one_httpd_runs_all_and_each_has_its_own_uwsgi(self) -> None:
        own = ["etc/first.wsgi", "etc/first-names.json"]
        names = ["etc/second-names.json"]
        expected = {"daemons": ["httpd"], "files": ["etc/httpd.conf", *own, *names], "directories": []}
        self.assertEqual(self.names(self.site()), expected)
        uwsgi = self.site(server=["uwsgi"])
        both = ["uwsgi-first", "uwsgi-second"]
        expected = {
            "daemons": both,
            "files": [*(f"etc/{name}.ini" for name in both), *own, *names],
            "directories": [f"log/{name}" for name in both],
        }
        self.assertEqual(self.names(uwsgi), expected)
        one = {"daemons": ["uwsgi"], "files": ["etc/uwsgi.ini", *own], "directories": ["log/uwsgi"]}
        self.assertEqual(self.names(uwsgi, 1), one)
        self.assertEqual(self.names(uwsgi, 0), {"daemons": [], "files": [], "directories": []})

    def test_a_daemon_reads_what_its_applications_read(self) -> None:
        (httpd,) = servers.daemons(self.site(), self.applications(self.site()))
        self.assertLessEqual({"etc/httpd.conf", "etc/first.wsgi", "etc/own.wsgi"}, set(httpd.files))
        site = self.site(server=["uwsgi"])
        first, second = servers.daemons(site, self.applications(site))
        self.assertNotIn("etc/own.wsgi", first.files)
        self.assertNotIn("etc/first.wsgi", second.files)
        self.assertGreater(httpd.memory or 0, first.memory or 0)

    def test_another_host_changes_nothing_that_a_daemon_reads(self) -> None:
        for server in ("mod_wsgi", "uwsgi"):
            sites = [self.site(server=[server], host=[host]) for host in ("10.0.0.1", "10.0.0.2")]
            first, second = (
                {f.path: f.content for f in servers.rendered_files(s, self.applications(s))} for s in sites
            )
            changed = {path for path in first if first[path] != second[path]}
            self.assertEqual(changed, {"etc/first-names.json", "etc/second-names.json"})

    def test_addresses_are_written_for_httpd(self) -> None:
        site = self.site()
        listeners = [Listener("", 80), Listener("::1", 81), Listener("10.0.0.1", 82)]
        text = servers.of(site, [Application("a", listeners, "http://a")])[0].rendered().content.decode()
        self.assertIn("\nListen 80\nListen [::1]:81\nListen 10.0.0.1:82\n", text)
        self.assertIn("\n<VirtualHost *:80 [::1]:81 10.0.0.1:82>\n", text)

    def test_errors_have_the_format_of_the_application(self) -> None:
        text = servers.of(self.site(), self.applications(self.site()))[0].rendered().content.decode()
        first, second = text.split("<VirtualHost ")[1:]
        self.assertIn("ErrorDocument 413 '{", first)
        self.assertNotIn("ErrorDocument", second)

    def prepare(self, site: Site) -> list[Application]:
        """Writes the instance, as an install does; skips the test without a release."""
        if not (RELEASE / "bin" / "httpd").exists():
            self.skipTest("no release: set KSBUNDLE_TEST_INIT to the init/ of one")
        some = self.applications(site)
        places = [f"run/{daemon.name}" for daemon in servers.daemons(site, some)]
        modules = self.root / "etc" / "python"
        own = [directory.path for directory in (*servers.directories(site, some), *tls.directories(site))]
        for name in ("etc", "keys", "log", "run", "tmp", *own, *places, "etc/python"):
            (self.root / name).mkdir(exist_ok=True)
        (modules / "ksb_one.py").write_text(APPLICATION.format(name="answer"))
        (self.root / "etc" / "own.wsgi").write_text(SCRIPT)
        for file in (*servers.rendered_files(site, some), *tls.rendered_files(site)):
            # In a release, its Python finds the applications.
            content = file.content.replace(
                b"import os\nimport sys\n", f"import os, sys\nsys.path.append({str(modules)!r})\n".encode()
            )
            files.write_atomically(site.instance.path(file.path), content, file.mode, file.owner)
        if site.account.switch:
            for path in (self.root, *self.root.rglob("*")):
                shutil.chown(path, site.account.uid, site.account.gid)
        return some

    @contextmanager
    def running(self, site: Site) -> Iterator[list[Application]]:
        some = self.prepare(site)
        children = []
        try:
            for daemon in servers.daemons(site, some):
                environment = service_environment(site.release, site.instance.temporary)
                children.append(processes.spawn(daemon, site.instance.run, site.account, environment))
            readiness.wait_ready(site, servers.awaited(site, some))
            yield some
        finally:
            processes.stop(processes.find_processes(site.instance.run))
            for child in children:
                child.wait()

    def test_each_answers_at_its_own_ports_under_either_server(self) -> None:
        self.make_certificate("own", "/CN=own", "subjectAltName=IP:127.0.0.1")
        certificate = {"tls_cert": [str(self.directory / "own.pem")], "tls_key": [str(self.directory / "own.key")]}
        for server, speaks in itertools.product(("mod_wsgi", "uwsgi"), ({}, {**certificate, "hsts": ["9"]})):
            site = self.site(server=[server], **speaks)
            with self.subTest(server=server, tls=bool(speaks)), self.running(site) as (first, second):
                servers.check_configuration(site, [first, second])
                proved = proofs.prove(site, first.listeners, [Request("/x", status=200, body='"length": 0')])
                self.assertEqual(len(proved), 1)
                proofs.prove(site, second.listeners, [Request("/", status=200, body="the second one")])
                for listener in first.listeners:
                    answer = web.request(site, "GET", f"{web.listener_url(site, listener)}/")
                    seen = json.loads(answer.body)
                    self.assertEqual(seen["greeting"], first.environment["GREETING"])
                    self.assertEqual(seen["host"], f"127.0.0.1:{listener.port}")
                    self.assertEqual("Strict-Transport-Security" in answer.headers, bool(speaks))
                self.assertEqual(readiness.check_serving(site, servers.awaited(site, [first, second])), [])
                statuses = [self.post(site, each, 3000).status for each in (first, second)]
                self.assertEqual(statuses, [413, 200])
                answers = [self.post(site, each, 9000) for each in (first, second)]
                kinds = [(answer.status, answer.headers["Content-Type"].partition(";")[0]) for answer in answers]
                self.assertEqual(kinds, [(413, "application/json"), (413, "text/html")])

    def post(self, site: Site, application: Application, length: int) -> Any:
        url = f"{web.listener_url(site, application.listeners[0])}/"
        return web.request(site, "POST", url, body="x" * length)

    def test_a_client_that_closes_its_half_of_tls_after_a_request_is_answered(self) -> None:
        self.make_certificate("own", "/CN=own", "subjectAltName=IP:127.0.0.1")
        certificate = {"tls_cert": [str(self.directory / "own.pem")], "tls_key": [str(self.directory / "own.key")]}
        for server in ("mod_wsgi", "uwsgi"):
            site = self.site(server=[server], **certificate)
            with self.subTest(server=server), self.running(site) as (_, second):
                answers = {self.last_request(second.listeners[0].port) for _ in range(20)}
                self.assertEqual(answers, {b"HTTP/1.1 200 OK"})

    def last_request(self, port: int) -> bytes:
        """The first line of the answer if the client sends a request and ends its half of the connection at once."""
        told, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(self.directory / "own.pem"))
        client = context.wrap_bio(told, said, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    connection.sendall(said.read())
                    told.write(connection.recv(65536))
            client.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            with suppress(ssl.SSLWantReadError):
                client.unwrap()
            connection.sendall(said.read())
            told.write(b"".join(iter(lambda: connection.recv(65536), b"")))
        return client.read(1000).partition(b"\r\n")[0]

    def test_a_failing_application_is_reported_with_its_fault(self) -> None:
        for server in ("mod_wsgi", "uwsgi"):
            site = self.site(server=[server])
            with self.subTest(server=server), self.running(site) as some:
                (self.root / "etc" / "own.wsgi").write_text("raise LookupError('nobody catches this')\n")
                for process in [each for each in processes.find_processes(site.instance.run) if each.is_main]:
                    reload = servers.reloading(site, some, process, ["etc/own.wsgi"])
                    self.assertIsNotNone(reload and reload())
                with self.assertRaises(Failure) as caught:
                    readiness.wait_ready(site, servers.awaited(site, some))
                (problem,) = caught.exception.problems
                self.assertIn("nobody catches this", "\n".join(problem.details))

    def test_the_access_log_holds_whatever_clients_send(self) -> None:
        """No request can break a line of the log or a JSON string."""
        for server, form in itertools.product(ACCESS_LOGS, ("text", "json")):
            site = self.site(server=[server], access_log_format=[form], trusted_proxy=["127.0.0.1"])
            with self.subTest(server=server, form=form), self.running(site) as (first, _):
                log = self.root / ACCESS_LOGS[server]
                accepted = 0
                for each in HOSTILE:
                    accepted += self.ask_raw(first, *each) != 400
                    # A process logs a request after its answer, so two of them may swap their lines.
                    self.assertTrue(processes.wait_until(partial(_has_accepted, log, accepted), 10))
                self.ask_raw(first, b"/last", b"X-Request-Id: the-last\r\n")
                self.assertTrue(processes.wait_until(partial(_has, log, b"/last"), 10))
                text = log.read_bytes()
                self.assertEqual(re.findall(rb"[^ -~\n]", text), [])
                log.unlink()
                lines = text.decode().splitlines()
                if form == "text":
                    for line in lines:
                        self.assertRegex(line, r' \d{3} \d+ \d+ \S+ "[^"]*"$')
                    continue
                facts = [json.loads(line) for line in lines]
                last = facts[-1]
                self.assertEqual(
                    [last[name] for name in ("client", "method", "uri", "status", "request_id")],
                    ["127.0.0.1", "GET", "/last", 200, "the-last"],
                )
                self.assertRegex(last["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$")
                self.assertGreater(last["microseconds"], 0)
                self.assertGreater(last["bytes"], 0)
                asked = [each for each in facts if "/asked" in each["uri"]]
                self.assertEqual([each["uri"].lower() for each in asked[: len(LOGGED)]], LOGGED)
                self.assertEqual({each["request_id"] for each in asked}, {"-"})
                self.assertRegex(asked[len(LOGGED) - 1]["forwarded"], "^(10.0.0.1, )?::1$")

    def ask_raw(self, application: Application, target: bytes, headers: bytes = b"") -> int:
        """The status of the answer."""
        port = application.listeners[0].port
        head = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%bConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(head % (target, port, headers))
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return int(answer.split(b" ", 2)[1])

    def test_an_invalid_configuration_is_refused(self) -> None:
        for server, config in (("mod_wsgi", "httpd.conf"), ("uwsgi", "uwsgi-second.ini")):
            site = self.site(server=[server])
            with self.subTest(server=server):
                some = self.prepare(site)
                servers.check_configuration(site, some)
                with (self.root / "etc" / config).open("a") as file:
                    file.write("Nonsense = true\n")
                with self.assertRaises(Failure) as caught:
                    servers.check_configuration(site, some)
                self.assertIn(config, caught.exception.problems[0].where)


def _has(log: Path, text: bytes) -> bool:
    return text in log.read_bytes()


def _has_accepted(log: Path, count: int) -> bool:
    """Whether it has this many lines of the hostile requests that were not answered with 400."""
    lines = log.read_bytes().split(b"\n")
    return sum(b"/asked" in line and not re.search(rb'[ "]400 ', line) for line in lines) == count


if __name__ == "__main__":
    unittest.main()
