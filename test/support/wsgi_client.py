"""Calls a WSGI application in this process, without a server."""

from __future__ import annotations

import io
from typing import Any
from wsgiref.util import setup_testing_defaults


def call(
    application: Any, method: str, target: str, body: bytes = b"", **fields: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by name in lower case, and content of the answer to a request; the target may have a query.
    `fields` are those of the environment, such as HTTP_X_AUTH_TOKEN."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        **fields,
    }
    setup_testing_defaults(environ)
    status, headers = 0, {}

    def start_response(line: str, given: list[tuple[str, str]], *_: Any) -> None:
        nonlocal status, headers
        status, headers = int(line[:3]), {name.lower(): value for name, value in given}

    parts = application(environ, start_response)
    content = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    return status, headers, content
