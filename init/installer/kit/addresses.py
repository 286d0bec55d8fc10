"""Where services listen and by which name clients know them: the answers `host` and `trusted-proxy`, and ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from ..answers.values import split_host_port
from ..bundle.api import Site
from ..errors import Problem
from ..host import network
from ..host.network import Listener


def host(site: Site) -> str:
    return site.values("host")[0]


def listeners(site: Site, answer: str = "port") -> list[Listener]:
    """The listeners of an answer. A port alone is open on every address; if the host is a loopback address, only
    there."""
    found = []
    for value in site.values(answer):
        address, port = split_host_port(value)
        found.append(Listener(address or _default_address(host(site)), port))
    return found


def _default_address(advertised: str) -> str:
    if not network.is_loopback(advertised):
        return ""
    return network.LOOPBACK if advertised == "localhost" else advertised


def proxies(site: Site) -> list[str]:
    """Addresses and networks of proxies whose forwarding headers are trusted."""
    return list(site.values("trusted-proxy")) if "trusted-proxy" in site.answers else []


def check(site: Site, listeners: Sequence[Listener]) -> Iterator[Problem]:
    """Reports conflicts between answers. The listeners are those of all services."""
    for proxy in proxies(site):
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            yield Problem(
                "a trusted proxy is not an address",
                where=proxy,
                hint="give its address, or a network such as 10.0.0.0/8 or fd00::/8",
            )
    for index, listener in enumerate(listeners):
        if any(listener.overlaps(other) for other in listeners[:index]):
            yield Problem(f"port {listener.port} is given twice", hint="give each address and port once")


def warn(name: str) -> Iterator[Problem]:
    """Warns of an unusual name that clients use for the service."""
    if not network.resolves(name):
        yield Problem(
            f"{name} is a name that this host cannot resolve",
            why="clients must resolve it; this install proves itself at the service's own port instead",
            hint="add it to the name service, or to /etc/hosts",
        )
    elif not network.is_local(name):
        yield Problem(
            f"{name} is not an address of this host",
            why="clients need to reach it, through a proxy, NAT or a floating address for example",
            hint="if you did not intend that, run again with --host and an address of this host",
        )
