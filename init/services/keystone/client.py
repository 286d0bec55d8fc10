"""Requests to Keystone over HTTP, as by clients with the operator's credentials."""

from __future__ import annotations

from typing import Any

from installer.bundle.api import Site
from installer.host.network import Listener
from installer.kit import web
from installer.kit.answer import SECONDS, Answer

from . import settings
from .users import User


def request(
    site: Site, method: str, url: str, *, body: Any = None, token: str | None = None, seconds: float = SECONDS
) -> Answer:
    """See `http_client.request`; `token` is both the authorization and the subject."""
    headers = {} if token is None else {"X-Auth-Token": token, "X-Subject-Token": token}
    in_front = site.value("public-url") is not None and url.startswith(settings.public_url(site))
    return web.request(site, method, url, body=body, headers=headers, seconds=seconds, in_front=in_front)


def ask_for_token(site: Site, url: str, user: User, password: str, seconds: float = SECONDS) -> Answer:
    """The answer, with status 201 if the user gets a token for its project; see `request`."""
    domain = {"id": "default"}
    account = {"name": user.name, "domain": domain, "password": password}
    scope = {"project": {"name": user.project, "domain": domain}}
    auth = {"identity": {"methods": ["password"], "password": {"user": account}}, "scope": scope}
    return request(site, "POST", f"{url}/auth/tokens", body={"auth": auth}, seconds=seconds)


def listener_url(site: Site, listener: Listener) -> str:
    """The URL of the identity service at the listener, from this host."""
    return f"{web.listener_url(site, listener)}/v3"
