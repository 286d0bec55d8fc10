"""What Keystone's processes count, and the daemon that answers Prometheus. Processes, files and sockets are real."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import support
from kit_site import free_ports

# In a release, its Python finds the module; in the repository, it is beside the bundle's code.
_PLACES = (
    *support.INIT.glob("services/keystone/site-packages"),
    *support.INIT.parent.glob("lib/python3.*/site-packages"),
)
sys.path.append(str(_PLACES[0]))
meter: Any = importlib.import_module("ksbundle_keystone.meter")
slots: Any = importlib.import_module("ksbundle_keystone.slots")
scoreboard: Any = importlib.import_module("ksbundle_keystone.scoreboard")

#: Takes a slot, counts, reports it, and runs until its input ends.
_COUNTER = """
import sys
from ksbundle_keystone import slots
slot = slots.take(".")
with slot.busy():
    slot.count("tokens issued")
    slot.observe("validation", 0.2)
print(flush=True)
sys.stdin.read()
"""
_SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="[^"\\]*",?)*)\})? (\S+)')


class MetricsTest(support.DirectoryTest):
    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(_PLACES[0])}
        pipe = subprocess.PIPE
        child = subprocess.Popen(
            [sys.executable, "-B", *words], cwd=self.directory, env=environment, stdin=pipe, stdout=pipe
        )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        for stream in (child.stdin, child.stdout):
            assert stream is not None
            self.addCleanup(stream.close)
        return child

    def count(self) -> subprocess.Popen[bytes]:
        """A process that has counted one token and keeps running."""
        child = self.start("-c", _COUNTER)
        assert child.stdout is not None
        child.stdout.readline()
        return child

    def issued(self) -> float:
        counted: list[float] = [numbers[slots.PLACE["tokens issued"]] for numbers, _ in slots.read(str(self.directory))]
        return sum(counted)

    @contextmanager
    def exporter(self, **facts: Any) -> Iterator[int]:
        (port,) = free_ports(1)
        given = {"port": port, "cache": "/nowhere/socket", "keys": {}, "certificate": None, "ports": [port], **facts}
        (self.directory / "facts").write_text(json.dumps(given))
        child = self.start("-m", "ksbundle_keystone.exporter", "facts")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield port
        self.assertIsNone(child.poll())

    def ask(self, port: int, line: bytes = b"GET /metrics HTTP/1.1") -> str:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(line + b"\r\nHost: localhost\r\n\r\n")
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def samples(self, port: int) -> dict[str, float]:
        head, _, body = self.ask(port).partition("\r\n\r\n")
        self.assertRegex(head, r"^HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
        found = {}
        for line in body.splitlines():
            if not line.startswith("# "):
                match = _SAMPLE.fullmatch(line)
                assert match is not None, line
                found[line.rpartition(" ")[0]] = float(match[3])
        return found

    def test_processes_count_side_by_side_and_one_that_is_killed_takes_nothing_along(self) -> None:
        first, _second = self.count(), self.count()
        self.assertEqual(self.issued(), 2)
        first.kill()
        first.wait()
        self.assertEqual(self.issued(), 2)
        self.count()
        self.assertEqual(self.issued(), 3)
        self.assertEqual(len(list(self.directory.glob("slot-*"))), 2)

    def test_slots_of_another_layout_are_removed_unless_a_process_uses_them(self) -> None:
        former, used = self.directory / "slot-00000000-0", self.directory / "slot-00000000-1"
        former.write_bytes(bytes(472))
        used.write_bytes(bytes(472))
        with used.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            slots.take(str(self.directory))
            self.assertEqual([former.exists(), used.exists()], [False, True])
        slots.take(str(self.directory))
        self.assertFalse(used.exists())
        self.assertEqual(len(list(slots.read(str(self.directory)))), 2)

    def test_prometheus_finds_what_httpds_threads_do(self) -> None:
        worker = [{"status": status} for status in "_WWRSG."]
        told = {"processes": [{"pid": 1, "workers": worker}, {"pid": 0, "workers": [{"status": "W"}]}]}
        path = self.directory / scoreboard.THREADS
        with path.open("wb") as file:
            scoreboard.write(file.fileno(), told)
        with self.exporter() as port:
            found = self.samples(port)
            states = ("idle", "reading", "replying", "closing", "finishing", "other")
            counts = [found[f'keystone_server_threads{{state="{state}"}}'] for state in states]
            self.assertEqual(counts, [1, 1, 2, 0, 1, 1])
            now = array("d", path.read_bytes())
            now[0] -= 3600
            path.write_bytes(now.tobytes())
            self.assertNotIn('keystone_server_threads{state="idle"}', self.samples(port))

    def test_prometheus_finds_what_uwsgi_tells(self) -> None:
        workers = ",".join(f'{{"id":1,"status":"{status}","rss":0}}' for status in ("idle", "busy", "busy", "sig15"))
        # It escapes nothing in a path.
        self.tell("processes", f'{{"cwd":"/srv/\\é "k"","workers":[{workers}]}}')
        self.tell("clients", '{"cwd":"/srv/\\é "k"","active_sessions":7,"http":["127.0.0.1:5000"]}')
        with self.exporter() as port:
            found = self.samples(port)
        states = {state: found[f'keystone_server_processes{{state="{state}"}}'] for state in ("idle", "busy", "sig")}
        self.assertEqual(states, {"idle": 1, "busy": 2, "sig": 1})
        self.assertEqual(found["keystone_server_clients"], 7)

    def tell(self, name: str, text: str) -> None:
        """Answers at a socket once, and leaves it behind."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.directory / name))
        server.listen()

        def answer() -> None:
            with server, server.accept()[0] as client:
                client.sendall(text.encode())

        answering = threading.Thread(target=answer)
        answering.start()
        self.addCleanup(answering.join)

    def test_connections_that_nobody_has_accepted_are_counted(self) -> None:
        with socket.socket() as server, ExitStack() as clients:
            server.bind(("127.0.0.1", 0))
            server.listen()
            for _ in range(3):
                clients.enter_context(socket.create_connection(server.getsockname()))
            server.accept()[0].close()
            with self.exporter(ports=[server.getsockname()[1]]) as port:
                self.assertEqual(self.samples(port)["keystone_connections_waiting"], 2)

    def test_prometheus_finds_what_all_have_counted(self) -> None:
        key = self.directory / "0"
        key.touch()
        os.utime(key, (time.time() - 3600,) * 2)
        self.count()
        self.count().kill()
        with self.exporter(keys={"fernet": str(key)}) as port:
            found = self.samples(port)
        self.assertEqual(found['keystone_tokens_total{outcome="issued"}'], 2)
        self.assertEqual(found['keystone_tokens_total{outcome="unauthorized"}'], 0)
        self.assertEqual(found['keystone_token_validation_seconds_bucket{le="0.1"}'], 0)
        self.assertEqual(found['keystone_token_validation_seconds_bucket{le="0.25"}'], 2)
        self.assertEqual(found['keystone_token_validation_seconds_bucket{le="+Inf"}'], 2)
        self.assertEqual(found["keystone_token_validation_seconds_count"], 2)
        self.assertAlmostEqual(found["keystone_token_validation_seconds_sum"], 0.4)
        self.assertEqual(found["keystone_cache_up"], 0)
        self.assertAlmostEqual(found['keystone_token_key_age_seconds{kind="fernet"}'], 3600, delta=60)
        self.assertGreaterEqual(found["keystone_connections"], 1)

    def test_a_client_that_says_nothing_keeps_nobody_waiting(self) -> None:
        with self.exporter() as port, ExitStack() as held:
            for _ in range(100):
                held.enter_context(socket.create_connection(("127.0.0.1", port), 10)).sendall(b"GET /me")
                begun = time.monotonic()
                self.samples(port)
                self.assertLess(time.monotonic() - begun, 4)

    def test_nothing_else_is_answered(self) -> None:
        with self.exporter() as port:
            for line, status in ((b"GET / HTTP/1.1", 404), (b"POST /metrics HTTP/1.1", 405), (b"\xff\x00", 404)):
                self.assertEqual(self.ask(port, line).split(" ")[1], str(status))

    def test_an_answer_is_counted_by_what_it_is(self) -> None:
        slot = slots.take(str(self.directory))
        for method, path, status in (
            ("POST", "/v3/auth/tokens", 401),
            ("POST", "/v3/auth/tokens", 418),
            ("GET", "/v3/auth/tokens", 404),
            ("GET", "/v3", 200),
        ):
            meter._count(slot, {"REQUEST_METHOD": method, "PATH_INFO": path}, status, 0.02)
        with slot.busy():
            pass
        ((numbers, _),) = slots.read(str(self.directory))
        counted = {name: numbers[place] for name, place in slots.PLACE.items() if numbers[place]}
        self.assertEqual(counted, {"tokens unauthorized": 1, "tokens failed": 1, "requests 2xx": 1, "requests 4xx": 3})
        self.assertEqual(numbers[slots.PLACE["issue"] + slots.BUCKETS.index(0.025)], 2)
        self.assertEqual(numbers[slots.PLACE["validation"] + slots.BUCKETS.index(0.025)], 1)

    def test_a_directory_that_is_not_there_fails_no_request(self) -> None:
        def answer(_environ: Any, _start: Any) -> list[bytes]:
            return [b"served"]

        with self.assertLogs():
            self.assertIs(meter.measure(answer, str(self.directory / "away")), answer)
        self.assertIs(meter.measure(answer, ""), answer)


if __name__ == "__main__":
    unittest.main()
