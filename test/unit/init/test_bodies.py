"""The middleware for request bodies."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import unittest
from collections.abc import Iterable
from typing import Any

import support

# In a release, its Python finds the package; in the repository, it is beside the bundle's code.
_PLACES = (
    *support.INIT.glob("services/keystone/site-packages/ksbundle_keystone/bodies.py"),
    *support.INIT.parent.glob("lib/python3.*/site-packages/ksbundle_keystone/bodies.py"),
)
_SPEC = importlib.util.spec_from_file_location("bodies", _PLACES[0])
assert _SPEC is not None and _SPEC.loader is not None
bodies: Any = importlib.util.module_from_spec(_SPEC)
sys.modules["bodies"] = bodies
_SPEC.loader.exec_module(bodies)


def _echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def _fail(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    raise LookupError("nobody catches this")


class BodiesTest(unittest.TestCase):
    def ask(self, body: bytes, application: Any = _echo) -> bytes:
        self.status = ""

        def start_response(status: str, _headers: Any, _exc_info: Any = None) -> None:
            self.status = status

        environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        return b"".join(bodies.check(application)(environ, start_response))

    def test_bodies_that_are_nested_too_deeply(self) -> None:
        for body in (b"[" * 10_000, b'{"a":' * 101, b'"\\"' + b"[" * 101, b'["x",' * 101 + b"]" * 101):
            self.ask(body)
            self.assertEqual(self.status, "400 Bad Request", body[:10])

    def test_bodies_that_are_not(self) -> None:
        texts = (b'{"a": "' + b"[" * 500 + b'"}', b'["\\"' + b"{" * 500 + b'"]')
        for body in (b"", b"{}", b"[]" * 5000, b"[" * 100, *texts):
            self.assertEqual(self.ask(body), body)

    def test_an_exception_is_answered(self) -> None:
        with self.assertLogs("bodies", "ERROR") as logs:
            self.assertEqual(json.loads(self.ask(b"", _fail))["error"]["code"], 500)
        self.assertIn("nobody catches this", logs.output[0])


if __name__ == "__main__":
    unittest.main()
