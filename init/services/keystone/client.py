"""Requests to Keystone over HTTP, as by clients with the operator's credentials."""

from __future__ import annotations

from typing import Any

from installer.bundle.api import Site
from installer.host.network import Listener
from installer.kit import web
from installer.kit.answer import SECONDS, Answer

from . import settings


def request(
    site: Site, method: str, url: str, *, body: Any = None, token: str | None = None, seconds: float = SECONDS
) -> Answer:
    """See `http_client.request`; `token` is both the authorization and the subject."""
    headers = {} if token is None else {"X-Auth-Token": token, "X-Subject-Token": token}
    in_front = site.value("public-url") is not None and url.startswith(settings.public_url(site))
    return web.request(site, method, url, body=body, headers=headers, seconds=seconds, in_front=in_front)


def listener_url(site: Site, listener: Listener) -> str:
    """The URL of the identity service at the listener, from this host."""
    return f"{web.listener_url(site, listener)}/v3"
