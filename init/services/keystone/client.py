"""Asks Keystone over HTTP, as clients with the operator's credentials do."""

from __future__ import annotations

import ssl
from typing import Any

from installer.answers.values import join_host
from installer.bundle.api import Site
from installer.host.network import Listener
from installer.kit import http_client, tls
from installer.kit.http_client import SECONDS, Answer

from . import settings

#: What `probe` says begins so if a server answers.
ANSWERS = "it answers"


def request(
    site: Site, method: str, url: str, *, body: Any = None, token: str | None = None, seconds: float = SECONDS
) -> Answer:
    """See `http_client.request`; with a token that authorizes and is asked about."""
    headers = {} if token is None else {"X-Auth-Token": token, "X-Subject-Token": token}
    context = _context(site, url) if url.startswith("https:") else None
    return http_client.request(method, url, body=body, headers=headers, context=context, seconds=seconds)


def _context(site: Site, url: str) -> ssl.SSLContext:
    in_front = site.value("public-url") is not None and url.startswith(settings.public_url(site))
    return tls.own_context(site) if tls.has_tls(site) and not in_front else tls.public_context(site)


def listener_url(site: Site, listener: Listener) -> str:
    """Where the identity service is to be found at the listener, from this host."""
    scheme = "https" if tls.has_tls(site) else "http"
    return f"{scheme}://{join_host(listener.reachable)}:{listener.port}/v3"


def probe(site: Site, listener: Listener, *, seconds: float = SECONDS) -> str:
    """Why the listener does not serve Keystone yet; empty if it does."""
    try:
        status = request(site, "GET", listener_url(site, listener), seconds=seconds).status
    except OSError as error:
        return str(getattr(error, "reason", None) or error)
    return "" if status == 200 else f"{ANSWERS} {status}"
