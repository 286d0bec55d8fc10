"""Asks the service over HTTP, as clients with the operator's credentials do.

Who answers may be anybody with the service's account: an answer has an end, in bytes and in time, and leads nowhere.
"""

from __future__ import annotations

import http.client
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from installer.answers.values import join_host
from installer.bundle.api import Site
from installer.host.network import Listener

from . import settings, tls

SECONDS = 30
#: Bytes of the longest answer that is read; a token with a large catalog has a hundredth of that.
LONGEST = 8 << 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    site: Site, method: str, url: str, *, body: Any = None, token: str | None = None, seconds: float = SECONDS
) -> Answer:
    """One HTTP request, past any proxy. An error status is an answer too, and so is a redirection, which nobody
    follows. Raises OSError if there is no whole answer in time."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers.update({"X-Auth-Token": token, "X-Subject-Token": token})
    content = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(url, data=content, headers=headers, method=method)
    try:
        with _within(seconds):
            try:
                with _opener(site, url).open(message, timeout=seconds) as answer:
                    return Answer(answer.status, dict(answer.headers), _read(answer))
            except urllib.error.HTTPError as error:
                with error:
                    return Answer(error.code, dict(error.headers), _read(error))
    except http.client.HTTPException as error:
        raise OSError(f"the answer was cut off: {error!r}") from error


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block when the time is over. A socket's own limit begins anew with every byte."""

    def end(*_: object) -> None:
        raise TimeoutError(f"no whole answer came within {seconds:g} s")

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _read(answer: IO[bytes]) -> bytes:
    body = answer.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise OSError(f"the answer is longer than {LONGEST >> 20} MiB")
    return body


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None makes the redirection the answer."""


def _opener(site: Site, url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirection()]
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=tls.client_context(site, url)))
    return urllib.request.build_opener(*handlers)


def listener_url(site: Site, listener: Listener) -> str:
    """Where the identity service is to be found at the listener, from this host."""
    scheme = "https" if settings.has_tls(site) else "http"
    return f"{scheme}://{join_host(settings.reachable(listener))}:{listener.port}/v3"


def probe(site: Site, listener: Listener, *, seconds: float = SECONDS) -> str:
    """Why the listener does not serve Keystone yet; empty if it does."""
    try:
        status = request(site, "GET", listener_url(site, listener), seconds=seconds).status
    except OSError as error:
        return str(getattr(error, "reason", None) or error)
    return "" if status == 200 else f"it answers {status}"
