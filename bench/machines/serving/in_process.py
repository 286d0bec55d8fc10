"""Calls the WSGI application of an instance in this process, without a server.

Run as the service's account: `python3 -I -S in_process.py SITE_PACKAGES SCRIPT COUNT`, with the body of a request for a
token on standard input. Prints JSON: the version of Python, and milliseconds of processor time per request.
"""

from __future__ import annotations

import io
import json
import platform
import runpy
import sys
import time
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

PATH = "/v3/auth/tokens"


def main() -> None:
    site_packages, script, count = sys.argv[1:]
    login = sys.stdin.buffer.read()
    sys.path.append(site_packages)
    begun = time.process_time()
    application = runpy.run_path(script)["application"]
    loading = time.process_time() - begun

    def call(method: str, status: str, body: bytes = b"", **fields: str) -> dict[str, str]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": PATH,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
            **fields,
        }
        setup_testing_defaults(environ)
        answer: dict[str, str] = {}

        def start_response(line: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answer.update({name.lower(): value for name, value in headers}, status=line[:3])

        parts = application(environ, start_response)
        b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        if answer["status"] != status:
            sys.exit(f"{method} {PATH}: {answer}")
        return answer

    def issue() -> str:
        return call("POST", "201", login)["x-subject-token"]

    token, subject = issue(), issue()

    def validate() -> None:
        call("GET", "200", HTTP_X_AUTH_TOKEN=token, HTTP_X_SUBJECT_TOKEN=subject)

    figures = {"validate": measure(validate, 4 * int(count)), "issueQuickly": measure(issue, int(count))}
    print(json.dumps({"python": platform.python_version(), "load": loading * 1000, **figures}))


def measure(request: Callable[[], object], count: int) -> float:
    for _ in range(20):
        request()
    begun = time.process_time()
    for _ in range(count):
        request()
    return (time.process_time() - begun) / count * 1000


main()
