"""The middleware for requests to a web application."""

from __future__ import annotations

import importlib
import io
import json
import sys
import unittest
from collections.abc import Iterable
from typing import Any

import support

_MODULES = support.INIT / "installer" / "kit" / "modules"
sys.path.append(str(_MODULES))
door: Any = importlib.import_module("ksbundle_door")


def _echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with an application's view of a request: its links, client, body and forwarding headers."""
    start_response("200 OK", [])
    seen = {
        "link": f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}",
        "client": environ["REMOTE_ADDR"],
        "left": [name for name in environ if "FORWARDED" in name],
    }
    return [json.dumps(seen).encode()]


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

    def ask(self, *, proxies: tuple[str, ...] = (), **environ: Any) -> Any:
        return self.pass_through(door.guard(_echo, names_file=str(self.names), proxies=proxies), environ)

    def pass_through(self, guarded: Any, environ: dict[str, Any]) -> Any:
        full: dict[str, Any] = {
            "REMOTE_ADDR": "192.0.2.9",
            "HTTP_HOST": "localhost:5000",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **environ,
        }
        return json.loads(b"".join(guarded(full, lambda *_: None)))

    def test_links_use_the_clients_name_if_it_is_the_services(self) -> None:
        for host in ("10.0.0.1:5000", "localhost:35357", "LOCALHOST:5000", "127.0.0.1:5000", "127.0.0.7:5000"):
            self.assertEqual(self.ask(HTTP_HOST=host)["link"], f"http://{host}")

    def test_links_use_the_services_name_whatever_a_client_sends(self) -> None:
        addresses = ("192.0.2.1:5000", "0.0.0.0:5000", "[::]:5000")
        for host in ("evil.example", "localhost:1", "localhost", "a b", "", *addresses):
            self.assertEqual(self.ask(HTTP_HOST=host)["link"], "http://10.0.0.1:5000", host)

    def test_another_address_takes_effect_at_once(self) -> None:
        guarded = door.guard(_echo, names_file=str(self.names), proxies=())
        for url in ("http://10.0.0.1:5000", "http://10.0.0.2:5000", "https://10.0.0.3:35357"):
            self.write_names(url)
            self.assertEqual(self.pass_through(guarded, {"HTTP_HOST": "evil"})["link"], url)

    def test_forwarding_headers_count_only_from_named_proxies(self) -> None:
        said: dict[str, Any] = {
            "HTTP_X_FORWARDED_FOR": "203.0.113.5",
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_FORWARDED_HOST": "id.example",
            "HTTP_FORWARDED": "for=203.0.113.5",
        }
        for proxies in ((), ("192.0.2.8",), ("10.0.0.0/8", "2001:db8::/32")):
            seen = self.ask(proxies=proxies, **said)
            self.assertEqual(seen, {"link": "http://localhost:5000", "client": "192.0.2.9", "left": []})
        for proxies in (("192.0.2.9",), ("192.0.2.0/24",)):
            for peer in ("192.0.2.9", "::ffff:192.0.2.9"):
                seen = self.ask(proxies=proxies, REMOTE_ADDR=peer, **said)
                self.assertEqual(seen["link"], "https://id.example")
                self.assertEqual((seen["client"], seen["left"]), ("203.0.113.5", []))

    def test_uwsgis_own_trust_in_headers_is_undone(self) -> None:
        said: dict[str, Any] = {"uwsgi.version": "2", "HTTP_X_FORWARDED_PROTO": "https", "wsgi.url_scheme": "https"}
        self.assertEqual(self.ask(**said)["link"], "http://localhost:5000")
        self.assertEqual(self.ask(**said, HTTPS="on")["link"], "https://localhost:5000")

    def test_the_client_is_the_last_address_that_is_no_proxy(self) -> None:
        for chain, client in (
            ("1.1.1.1, 203.0.113.5", "203.0.113.5"),
            ("203.0.113.5, 192.0.2.7", "203.0.113.5"),
            ("192.0.2.6, 192.0.2.7", "192.0.2.6"),
            ("1.1.1.1, what?", "192.0.2.9"),
            ("", "192.0.2.9"),
        ):
            seen = self.ask(proxies=("192.0.2.0/24",), HTTP_X_FORWARDED_FOR=chain)
            self.assertEqual(seen["client"], client, chain)

    def test_a_proxy_may_omit_the_host_and_invalid_values_are_ignored(self) -> None:
        seen = self.ask(
            proxies=("192.0.2.9",),
            HTTP_HOST="id.example",
            HTTP_X_FORWARDED_PROTO="javascript",
            HTTP_X_FORWARDED_HOST='"><script>',
        )
        self.assertEqual(seen["link"], "http://id.example")

    def test_browsers_get_hsts_if_the_answers_say_so(self) -> None:
        told: list[Any] = []
        for hsts in (0, 9):
            guarded = door.guard(_echo, names_file=str(self.names), proxies=(), hsts=hsts)
            environ = {"REMOTE_ADDR": "", "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO()}
            list(guarded(environ, lambda _status, headers, *_: told.append(headers)))
        self.assertEqual(told, [[], [("Strict-Transport-Security", "max-age=9")]])


if __name__ == "__main__":
    unittest.main()
