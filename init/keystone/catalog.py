"""What the answers say of the data: the identity service's endpoints name the advertised URL and region, and there is
an ordinary user if one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from installer.product import Site

from . import data, settings, users


def state(site: Site) -> Mapping[str, Any]:
    endpoints = {"public_url": settings.public_url(site), "region": settings.region(site)}
    return {**endpoints, "demo": True} if users.wants_demo(site) else endpoints


@contextmanager
def migration(site: Site, former: Sequence[Mapping[str, Any]]) -> Iterator[Callable[[], None]]:
    """Moves the endpoints from the former URLs and regions, and makes the ordinary user where there was none. The
    administrator and everything else stay as they are."""

    def migrate() -> None:
        regions = [known.get("region") for known in former]
        has_demo = bool(former) and former[0].get("demo")
        act(former_regions=regions if all(regions) else [], demo=None if has_demo else data.demo(site))

    with data.loading_boot(site, "update") as act:
        yield migrate
