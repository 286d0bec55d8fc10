"""Code shared by HTTP services: their URLs, requests to them, and warnings about both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ..answers.values import join_host
from ..bundle.api import Site
from ..errors import Problem
from ..host.network import Listener
from . import addresses, tls
from .answer import SECONDS, Answer


def scheme(site: Site) -> str:
    return "https" if tls.has_tls(site) else "http"


def listener_url(site: Site, listener: Listener) -> str:
    """The URL at which this host reaches the listener."""
    return f"{scheme(site)}://{join_host(listener.reachable)}:{listener.port}"


def public_url(site: Site, listeners: Sequence[Listener], given: str | None = None) -> str:
    """The URL for clients: the operator's, else one of the host and the first port."""
    return given or f"{scheme(site)}://{join_host(addresses.host(site))}:{listeners[0].port}"


def urls(site: Site, listeners: Sequence[Listener], public: str) -> list[str]:
    """The URL for clients, then those at which this host reaches each listener."""
    return list(dict.fromkeys([public, *(listener_url(site, listener) for listener in listeners)]))


def name_of(url: str) -> str:
    """The address or name in a URL."""
    return urlsplit(url).hostname or ""


def request(
    site: Site,
    method: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    seconds: float = SECONDS,
    in_front: bool = False,
) -> Answer:
    """See `http_client.request`. `in_front`: the URL is that of a proxy in front of the instance."""
    from . import http_client

    own = tls.has_tls(site) and not in_front
    context = tls.own_context(site) if own else tls.public_context(site) if url.startswith("https:") else None
    return http_client.request(method, url, body=body, headers=headers, context=context, seconds=seconds)


def warn(site: Site, public: Iterable[str]) -> Iterator[Problem]:
    """Warnings about the URLs that clients use for the services of an instance."""
    for name in dict.fromkeys(map(name_of, public)):
        yield from tls.warn(site, name)
        yield from addresses.warn(name)
    if "hsts" in site.answers and site.values("hsts")[0] != "0" and not tls.has_tls(site):
        yield Problem(
            "hsts has no effect",
            why="the service does not use TLS itself; the proxy in front has to set Strict-Transport-Security",
            hint="give --tls-cert and --tls-key, or --hsts= to remove it",
        )
