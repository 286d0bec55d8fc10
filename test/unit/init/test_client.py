"""How root handles answers that the service's account may have written."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
import unittest
import unittest.mock
from collections.abc import Iterator
from typing import Any

import keystone_site
from installer.errors import Failure
from installer.kit import readiness, servers

HEAD = b"HTTP/1.1 200 OK\r\n"


class ClientTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.client: Any = sys.modules["ksbundle_services.keystone.client"]

    @contextlib.contextmanager
    def answering(self, first: bytes, again: bytes = b"", pause: float = 0) -> Iterator[str]:
        """Serves one client: `first`, then `again` without end, with a pause before each. Yields the URL."""
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with contextlib.suppress(OSError), connection:
                    connection.recv(65536)
                    connection.sendall(first)
                    while again:
                        time.sleep(pause)
                        connection.sendall(again)

            thread = threading.Thread(target=serve)
            thread.start()
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v3"
            thread.join()

    def test_an_answer_that_never_ends_is_given_up(self) -> None:
        for first, again, pause in (
            (HEAD, b"x", 0.05),
            (HEAD + b"\r\n", b"x", 0.05),
            (HEAD + b"\r\n", b"x" * 65536, 0),
            (HEAD, b"Name: value\r\n", 0.01),
        ):
            with (
                self.subTest(first=first, again=again[:9]),
                self.answering(first, again, pause) as url,
                self.assertRaises(OSError),
            ):
                self.client.request(self.site(), "GET", url, seconds=0.5)

    def test_a_start_is_given_up_soon_if_a_server_refuses_and_later_if_none_answers(self) -> None:
        *_, keystone = self.product.services
        refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        (self.instance / "run" / "httpd").mkdir(parents=True)
        idle = subprocess.Popen(["sh", "-c", "read -r _"], stdin=subprocess.PIPE, cwd=self.instance / "run" / "httpd")
        with idle, socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = server.accept()
                        with connection:
                            connection.recv(65536)
                            connection.sendall(refusal)

            thread = threading.Thread(target=serve)
            thread.start()
            site = self.site(host=["127.0.0.1"], port=[str(port)])
            for server_is_there, idle_seconds, refusing_seconds, why in (
                (True, 3600, 0.3, "it answers 503"),
                (False, 0.3, 3600, "Connection refused"),
            ):
                if not server_is_there:
                    server.shutdown(socket.SHUT_RDWR)
                    server.close()
                    thread.join()
                with (
                    unittest.mock.patch.object(readiness, "IDLE_SECONDS", idle_seconds),
                    unittest.mock.patch.object(readiness, "REFUSING_SECONDS", refusing_seconds),
                    self.assertRaises(Failure) as caught,
                ):
                    readiness.wait_ready(site, servers.awaited(site, [keystone.application(site)]))
                self.assertIn(why, caught.exception.problems[0].why)
            assert idle.stdin is not None
            idle.stdin.close()

    def test_an_answer_is_not_redirected(self) -> None:
        with self.answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as url:
            answer = self.client.request(self.site(), "GET", url, seconds=5)
        self.assertEqual(answer.status, 302)

    def test_a_complete_answer_is_returned(self) -> None:
        with self.answering(HEAD + b"Content-Length: 2\r\n\r\nok") as url:
            self.assertEqual(self.client.request(self.site(), "GET", url, seconds=5).body, b"ok")


if __name__ == "__main__":
    unittest.main()
