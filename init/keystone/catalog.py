"""What the answers say of the data: the identity service's endpoints name the advertised URL and region, and there is
an ordinary user if one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from installer.product import Site

from . import data, settings, users


def state(site: Site) -> Mapping[str, Any]:
    endpoints = {"public_url": settings.public_url(site), "region": settings.region(site)}
    return {**endpoints, "demo": True} if users.wants_demo(site) else endpoints


@contextmanager
def migration(site: Site, former: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
    """Moves the endpoints from the former URL and region, and makes the ordinary user where there was none. The
    administrator and everything else stay as they are."""

    def migrate() -> None:
        act(former_region=former.get("region"), demo=None if former.get("demo") else data.demo(site))

    with data.loading_boot(site, "update") as act:
        yield migrate
