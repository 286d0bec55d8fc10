"""Data that depends on answers: URLs and regions of endpoints, accounts of the bundle's other services, the
administrator's exemption from lockout, and if requested an ordinary user and a directory's domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from installer.bundle.api import Site
from installer.bundle.registration import Registration

from . import data, directory, hardening, running, settings, users


def state(site: Site, registered: Sequence[Registration]) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "public_url": settings.public_url(site),
        "region": settings.region(site),
        **hardening.state(site),
    }
    if registered:
        facts["services"] = {each.name: [each.type, each.url] for each in registered}
    if users.wants_demo(site):
        facts["demo"] = True
    domain = directory.domain(site)
    return facts if domain is None else {**facts, "domain": domain}


@contextmanager
def migration(
    site: Site, former: Sequence[Mapping[str, Any]], registered: Sequence[Registration]
) -> Iterator[Callable[[], None]]:
    """Moves the endpoints from the former URLs and regions, completes what the hardening preset requires, and makes
    missing entries of services of the bundle, a missing ordinary user and directory's domain. Everything else stays as
    it is."""

    def migrate() -> None:
        regions = [facts.get("region") for facts in former]
        known = former[0] if former else {}
        act(
            former_regions=regions if all(regions) else [],
            demo=None if known.get("demo") else data.demo(site),
            domain=directory.domain(site),
            services=data.services(site, registered),
            **hardening.changes(site, known),
        )

    with running.loading_boot(site, "update") as act:
        yield migrate
