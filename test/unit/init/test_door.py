"""What requests pass on their way to Keystone."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import unittest
from collections.abc import Iterable
from typing import Any

import support

# A release has it where its own Python finds it, the repository beside the rest of the bundle's code.
_PLACES = (
    *support.INIT.glob("services/keystone/site-packages/ksbundle_keystone/door.py"),
    *support.INIT.parent.glob("lib/python3.*/site-packages/ksbundle_keystone/door.py"),
)
_FILE = _PLACES[0]
_SPEC = importlib.util.spec_from_file_location("door", _FILE)
assert _SPEC is not None and _SPEC.loader is not None
door: Any = importlib.util.module_from_spec(_SPEC)
sys.modules["door"] = door
_SPEC.loader.exec_module(door)


def _echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers what Keystone would make of a request: its links, its client, its body, what was said of others."""
    start_response("200 OK", [])
    seen = {
        "link": f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}",
        "client": environ["REMOTE_ADDR"],
        "body": environ["wsgi.input"].read().decode(),
        "left": [name for name in environ if "FORWARDED" in name],
    }
    return [json.dumps(seen).encode()]


def _fail(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    raise LookupError("nobody catches this")


class DoorTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.names = self.directory / "names.json"
        self.write_names("http://10.0.0.1:5000")

    def write_names(self, url: str) -> None:
        new = self.directory / "new"
        name = url.split("/")[2].split(":")[0]
        new.write_text(json.dumps({"url": url, "names": [name, "localhost"], "ports": [5000, 35357]}))
        new.rename(self.names)

    def ask(self, *, proxies: tuple[str, ...] = (), body: bytes = b"", app: Any = _echo, **environ: Any) -> Any:
        guarded = door.guard(app, names_file=str(self.names), proxies=proxies)
        return self.pass_through(guarded, body, environ)

    def pass_through(self, guarded: Any, body: bytes, environ: dict[str, str]) -> Any:
        self.status = ""

        def start_response(status: str, _headers: Any, _exc_info: Any = None) -> None:
            self.status = status

        full: dict[str, Any] = {
            "REMOTE_ADDR": "192.0.2.9",
            "HTTP_HOST": "localhost:5000",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            **environ,
        }
        return json.loads(b"".join(guarded(full, start_response)))

    def test_links_name_what_the_client_used_if_that_is_the_service(self) -> None:
        for host in ("10.0.0.1:5000", "localhost:35357", "LOCALHOST:5000", "127.0.0.1:5000", "127.0.0.7:5000"):
            self.assertEqual(self.ask(HTTP_HOST=host)["link"], f"http://{host}")

    def test_links_name_the_service_whatever_a_client_says(self) -> None:
        addresses = ("192.0.2.1:5000", "0.0.0.0:5000", "[::]:5000")
        for host in ("evil.example", "localhost:1", "localhost", "a b", "", *addresses):
            self.assertEqual(self.ask(HTTP_HOST=host)["link"], "http://10.0.0.1:5000", host)

    def test_another_address_counts_at_once(self) -> None:
        guarded = door.guard(_echo, names_file=str(self.names), proxies=())
        for url in ("http://10.0.0.1:5000", "http://10.0.0.2:5000", "https://10.0.0.3:35357"):
            self.write_names(url)
            self.assertEqual(self.pass_through(guarded, b"", {"HTTP_HOST": "evil"})["link"], url)

    def test_nobody_speaks_for_others_unless_named(self) -> None:
        said: dict[str, Any] = {
            "HTTP_X_FORWARDED_FOR": "203.0.113.5",
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_FORWARDED_HOST": "id.example",
            "HTTP_FORWARDED": "for=203.0.113.5",
        }
        for proxies in ((), ("192.0.2.8",), ("10.0.0.0/8", "2001:db8::/32")):
            seen = self.ask(proxies=proxies, **said)
            self.assertEqual(seen, {"link": "http://localhost:5000", "client": "192.0.2.9", "body": "", "left": []})
        for proxies in (("192.0.2.9",), ("192.0.2.0/24",)):
            for peer in ("192.0.2.9", "::ffff:192.0.2.9"):
                seen = self.ask(proxies=proxies, REMOTE_ADDR=peer, **said)
                self.assertEqual(seen["link"], "https://id.example")
                self.assertEqual((seen["client"], seen["left"]), ("203.0.113.5", []))

    def test_uwsgi_believes_what_it_should_not(self) -> None:
        said: dict[str, Any] = {"uwsgi.version": "2", "HTTP_X_FORWARDED_PROTO": "https", "wsgi.url_scheme": "https"}
        self.assertEqual(self.ask(**said)["link"], "http://localhost:5000")
        self.assertEqual(self.ask(**said, HTTPS="on")["link"], "https://localhost:5000")

    def test_the_client_is_the_last_that_is_no_proxy(self) -> None:
        for chain, client in (
            ("1.1.1.1, 203.0.113.5", "203.0.113.5"),
            ("203.0.113.5, 192.0.2.7", "203.0.113.5"),
            ("192.0.2.6, 192.0.2.7", "192.0.2.6"),
            ("1.1.1.1, what?", "192.0.2.9"),
            ("", "192.0.2.9"),
        ):
            seen = self.ask(proxies=("192.0.2.0/24",), HTTP_X_FORWARDED_FOR=chain)
            self.assertEqual(seen["client"], client, chain)

    def test_a_proxy_may_keep_the_host_and_says_no_nonsense(self) -> None:
        seen = self.ask(
            proxies=("192.0.2.9",),
            HTTP_HOST="id.example",
            HTTP_X_FORWARDED_PROTO="javascript",
            HTTP_X_FORWARDED_HOST='"><script>',
        )
        self.assertEqual(seen["link"], "http://id.example")

    def test_bodies_that_are_nested_too_deeply(self) -> None:
        for body in (b"[" * 10_000, b'{"a":' * 101, b'"\\"' + b"[" * 101, b'["x",' * 101 + b"]" * 101):
            self.ask(body=body)
            self.assertEqual(self.status, "400 Bad Request", body[:10])

    def test_bodies_that_are_not(self) -> None:
        texts = (b'{"a": "' + b"[" * 500 + b'"}', b'["\\"' + b"{" * 500 + b'"]')
        for body in (b"", b"{}", b"[]" * 5000, b"[" * 100, *texts):
            self.assertEqual(self.ask(body=body)["body"], body.decode())

    def test_an_exception_is_answered(self) -> None:
        with self.assertLogs("door", "ERROR") as logs:
            self.assertEqual(self.ask(app=_fail)["error"]["code"], 500)
        self.assertIn("nobody catches this", logs.output[0])


if __name__ == "__main__":
    unittest.main()
