"""Whether services answer: how long the installer waits, what it reports of logs, how proofs judge answers."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import unittest
import unittest.mock
from collections.abc import Iterator
from functools import partial

import kit_site
from installer.bundle.api import Site
from installer.errors import Failure
from installer.host.network import Listener
from installer.kit import proofs, readiness
from installer.kit.answer import MUTE
from installer.kit.proofs import Exchange, Proof, Request
from installer.kit.readiness import Awaited, Logs

LOGS = Logs("log/start.log", "log/work.log", "here I am", re.compile("fault: (.*)"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def answering(*pieces: bytes, silent: bool = False) -> Iterator[Listener]:
    """Sends each client the pieces once it has sent something; or accepts connections and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            held = []
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    if silent:
                        held.append(connection)
                        continue
                    with connection:
                        connection.recv(65536)
                        for piece in pieces:
                            connection.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Listener("127.0.0.1", server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


class ReadinessTest(kit_site.KitSiteTest):
    def setUp(self) -> None:
        super().setUp()
        (self.root / "log").mkdir()
        (self.root / "run" / "it").mkdir(parents=True)

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """A daemon that does nothing."""
        # Processes belong to the owner of `run`.
        with subprocess.Popen(["sh", "-c", "read -r _"], stdin=subprocess.PIPE, cwd=self.root / "run" / "it") as daemon:
            yield
            assert daemon.stdin is not None
            daemon.stdin.close()

    def awaited(self, site: Site, proof: Proof, listener: Listener) -> list[Awaited]:
        return [Awaited(proof.where(site, listener), "it", LOGS, partial(proof.fault, site, listener))]

    def test_a_server_that_accepts_connections_but_is_silent_is_given_up_soon(self) -> None:
        # It waits for an answer, repeatedly, until the daemon was idle for too long.
        self.assertLess(readiness.MUTE_SECONDS + 2 * readiness.PATIENCE, 41)
        for proof in (Request("/"), Exchange("PING", "PONG")):
            with (
                self.subTest(proof=proof),
                self.idle(),
                answering(silent=True) as listener,
                unittest.mock.patch.object(readiness, "PATIENCE", 0.2),
                unittest.mock.patch.object(readiness, "MUTE_SECONDS", 0.3),
                self.assertRaises(Failure) as caught,
            ):
                readiness.wait_ready(self.site(), self.awaited(self.site(), proof, listener))
            self.assertIn(f"{MUTE} within 0.2 s", caught.exception.problems[0].why)

    def test_a_daemon_that_ended_is_no_longer_waited_for(self) -> None:
        (self.root / "log" / "start.log").write_text("first\nlast words\n")
        with self.assertRaises(Failure) as caught:
            readiness.wait_ready(self.site(), self.awaited(self.site(), Exchange(), Listener("127.0.0.1", 1)))
        (problem,) = caught.exception.problems
        self.assertEqual(problem.why, "it ended")
        self.assertIn("last words", problem.details)

    def test_the_first_fault_since_the_last_start_is_reported(self) -> None:
        log = self.root / "log" / "work.log"
        log.write_text("fault: old\nhere I am\nall well\nfault: new\nfault: newer\n")
        self.assertEqual(readiness.first_fault(self.site(), LOGS), ["new"])
        log.write_text("fault: old\nhere I am\na\nb\n")
        self.assertEqual(readiness.first_fault(self.site(), LOGS), ["here I am", "a", "b"])
        plain = Logs("log/work.log", "log/work.log")
        self.assertEqual(readiness.first_fault(self.site(), plain), ["here I am", "a", "b"])

    def test_sockets_and_files_of_an_instance(self) -> None:
        deep = "run/it/" + "d" * 100
        (self.root / deep).mkdir()
        probe = readiness.of_socket(self.site(), f"{deep}/socket")
        self.assertIn("No such file", probe(1))
        # The path of a socket must be short; that of the directory may be long.
        with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(self.root / deep):
            server.bind("socket")
            (self.root / deep / "socket").chmod(0o666)
            self.assertIn("refused", probe(1))
            server.listen()
            self.assertEqual(probe(1), "")
        made = readiness.of_file(self.site(), "run/it/pid")
        self.assertNotEqual(made(1), "")
        (self.root / "run" / "it" / "pid").touch()
        self.assertEqual(made(1), "")


class ProofsTest(kit_site.KitSiteTest):
    def test_proofs_judge_answers(self) -> None:
        for proof, pieces, why in (
            (Request("/"), (GONE,), ""),
            (Request("/", status=404), (GONE,), ""),
            (Request("/", status=200), (GONE,), "it answers 404"),
            (Request("/"), (OK.replace(b"200", b"503"),), "it answers 503"),
            (Request("/", status=200, body="hi"), (OK,), ""),
            (Request("/", status=200, body="ho"), (OK,), "it answers without the text 'ho'"),
            (Exchange("PING\r\n", "+PONG"), (b"+PO", b"NG\r\n"), ""),
            (Exchange("PING\r\n", "+PONG"), (b"-ERR",), "it answers b'-ERR', without '+PONG'"),
            (Exchange("PING\r\n", "+PONG"), (), "it answers b'', without '+PONG'"),
            (Exchange("AUTH s3", "+OK", ["s3"]), (b"\xff s3?",), "it answers b'\\xff (hidden)?', without '+OK'"),
            (Exchange(), (), ""),
        ):
            with self.subTest(proof=str(proof), pieces=pieces), answering(*pieces) as listener:
                self.assertEqual(proof.fault(self.site(), listener, 5), why)

    def test_proven_facts_are_returned_and_others_fail(self) -> None:
        with answering(OK) as listener:
            good, bad = Request("/health", status=200), Request("/health", status=204)
            self.assertEqual(proofs.prove(self.site(), [listener], [good]), ["GET /health is answered with 200"])
            with self.assertRaises(Failure) as caught:
                proofs.prove(self.site(), [listener], [good, bad])
            self.assertEqual(caught.exception.problems[0].where, f"http://127.0.0.1:{listener.port}/health")

    def test_no_listener(self) -> None:
        (port,) = kit_site.free_ports(1)
        for proof in (Request(), Exchange()):
            self.assertIn("refused", proof.fault(self.site(), Listener("127.0.0.1", port), 5))


if __name__ == "__main__":
    unittest.main()
