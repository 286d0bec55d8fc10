"""The catalog follows the answers: the identity service's endpoints name the advertised URL and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from installer.product import Site

from . import data, settings


def state(site: Site) -> Mapping[str, Any]:
    return {"public_url": settings.public_url(site), "region": settings.region(site)}


def migrate(site: Site, former: Mapping[str, Any]) -> None:
    """Moves the endpoints from the former URL and region. The administrator and everything else stay as they are."""
    data.run_boot(site, "update", former_region=former.get("region"))
