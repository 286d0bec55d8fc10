"""Asks the service over HTTP, as clients with the operator's credentials do."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.network import Listener
from installer.product import Site
from installer.values import join_host

from . import settings, tls

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    site: Site, method: str, url: str, *, body: Any = None, token: str | None = None, seconds: float = SECONDS
) -> Answer:
    """One HTTP request, past any proxy. An error status is an answer too; raises OSError if there is none."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers.update({"X-Auth-Token": token, "X-Subject-Token": token})
    content = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(url, data=content, headers=headers, method=method)
    try:
        with _opener(site, url).open(message, timeout=seconds) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())
    except http.client.HTTPException as error:
        raise OSError(f"the answer was cut off: {error!r}") from error


def _opener(site: Site, url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
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
