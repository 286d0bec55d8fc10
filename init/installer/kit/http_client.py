"""An HTTP client for requests to a service that should answer.

Anybody with the service's account may answer: responses are limited in bytes and time, and redirections are not
followed.
"""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from types import MappingProxyType
from typing import IO, Any

from .answer import MUTE, SECONDS, Answer

#: Bytes of the longest answer that is read.
LONGEST = 8 << 20


def request(
    method: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    context: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """Sends one HTTP request without a proxy; `body` is sent as JSON, bytes as they are; `context` has the authorities
    trusted for https. Returns error statuses and redirections as answers. Raises OSError if there is no complete answer
    in time."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    message = urllib.request.Request(url, data=content, headers=sent, method=method)
    try:
        with _within(seconds):
            try:
                with _opener(context).open(message, timeout=seconds) as answer:
                    return Answer(answer.status, _headers(answer.headers), _read(answer))
            except urllib.error.HTTPError as error:
                with error:
                    return Answer(error.code, _headers(error.headers), _read(error))
    except http.client.HTTPException as error:
        raise OSError(f"the answer was cut off: {error!r}") from error


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block when the time is over. A socket's own timeout restarts with every byte."""

    def end(*_: object) -> None:
        raise TimeoutError(f"{MUTE} within {seconds:g} s")

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _headers(message: Message) -> dict[str, str]:
    return {name: "\n".join(message.get_all(name, ())) for name in message}


def _read(answer: IO[bytes]) -> bytes:
    body = answer.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise OSError(f"the answer is longer than {LONGEST >> 20} MiB")
    return body


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Returns None, which makes the redirection the answer."""


def _opener(context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirection()]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)
