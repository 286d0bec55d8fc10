"""What the answers say of the data: the identity service's endpoints name the advertised URL and region, no number of
wrong passwords locks the administrator, and there is an ordinary user if one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from installer.bundle.api import Site

from . import data, hardening, running, settings, users


def state(site: Site) -> Mapping[str, Any]:
    facts = {"public_url": settings.public_url(site), "region": settings.region(site), **hardening.state(site)}
    return {**facts, "demo": True} if users.wants_demo(site) else facts


@contextmanager
def migration(site: Site, former: Sequence[Mapping[str, Any]]) -> Iterator[Callable[[], None]]:
    """Moves the endpoints from the former URLs and regions, does what the preset of rules asks for and is not done
    yet, and makes the ordinary user where there was none. Everything else stays as it is."""

    def migrate() -> None:
        regions = [facts.get("region") for facts in former]
        known = former[0] if former else {}
        act(
            former_regions=regions if all(regions) else [],
            demo=None if known.get("demo") else data.demo(site),
            **hardening.changes(site, known),
        )

    with running.loading_boot(site, "update") as act:
        yield migrate
