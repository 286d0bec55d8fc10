"""Asks Nova for its services and availability zones."""

from __future__ import annotations

import json
import time
from typing import Any

from ..keystone.session import Session

#: The services that report to its database, besides compute hosts.
_OWN = ("nova-conductor", "nova-scheduler")
#: Seconds in which they report that they are up.
_PATIENCE = 60.0


def use(session: Session, url: str) -> str:
    """`url` includes the version of the API."""
    deadline = time.monotonic() + _PATIENCE
    while missing := _missing(session, url):
        if time.monotonic() > deadline:
            raise session.failed(f"{url}/os-services", f"not up: {', '.join(missing)}")
        time.sleep(0.2)
    zones = _ask(session, f"{url}/os-availability-zone/detail")["availabilityZoneInfo"]
    if not any(zone["zoneState"]["available"] for zone in zones):
        raise session.failed(f"{url}/os-availability-zone/detail", "no availability zone is available")
    return "the scheduler and the conductor are up, and an availability zone is available"


def _missing(session: Session, url: str) -> list[str]:
    services = _ask(session, f"{url}/os-services")["services"]
    running = {service["binary"] for service in services if service["state"] == "up"}
    return [name for name in _OWN if name not in running]


def _ask(session: Session, url: str) -> Any:
    return json.loads(session.ask("GET", url, 200).body)
