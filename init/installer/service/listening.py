"""Where a service listens, as its declaration and the answers say."""

from __future__ import annotations

from ..answers.values import join_host
from ..bundle.api import Site
from ..host.network import Listener
from ..kit import addresses, web
from .declaration import Listening


def listeners(site: Site, declared: Listening) -> list[Listener]:
    return addresses.listeners(site, declared.answer)


def public_url(site: Site, declared: Listening) -> str:
    """The URL for clients: the answer with that URL, or the host and the first port."""
    found = listeners(site, declared)
    if declared.protocol == "http":
        return web.public_url(site, found, site.value(declared.public_url) if declared.public_url else None)
    return f"{declared.protocol}://{join_host(addresses.host(site))}:{found[0].port}"


def urls(site: Site, declared: Listening, public: str) -> list[str]:
    """The URL for clients, then the URLs at which this host reaches each listener."""
    found = listeners(site, declared)
    if declared.protocol == "http":
        return web.urls(site, found, public)
    own = (f"{declared.protocol}://{join_host(each.reachable)}:{each.port}" for each in found)
    return list(dict.fromkeys([public, *own]))
