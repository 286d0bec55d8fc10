"""Calls the WSGI application of an instance in this process, without a server.

Run as the service's account, beside wsgi_client.py: `python3 -I -S in_process.py SITE_PACKAGES SCRIPT COUNT`, with the body of a request for a
token on standard input. Prints JSON: the version of Python, and milliseconds of processor time per request.
"""

from __future__ import annotations

import json
import os
import platform
import runpy
import sys
import time
from collections.abc import Callable

PATH = "/v3/auth/tokens"


def main() -> None:
    site_packages, script, count = sys.argv[1:]
    login = sys.stdin.buffer.read()
    sys.path += [site_packages, os.path.dirname(os.path.abspath(__file__))]
    from wsgi_client import call

    begun = time.process_time()
    application = runpy.run_path(script)["application"]
    loading = time.process_time() - begun

    def ask(method: str, expected: int, body: bytes = b"", **fields: str) -> dict[str, str]:
        status, headers, content = call(application, method, PATH, body, **fields)
        if status != expected:
            sys.exit(f"{method} {PATH}: {status} {content!r}")
        return headers

    def issue() -> str:
        return ask("POST", 201, login)["x-subject-token"]

    token, subject = issue(), issue()

    def validate() -> None:
        ask("GET", 200, HTTP_X_AUTH_TOKEN=token, HTTP_X_SUBJECT_TOKEN=subject)

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
