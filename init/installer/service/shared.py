"""What every instance has and is warned of, whatever it serves."""

from __future__ import annotations

from collections.abc import Iterator

from ..bundle.api import Directory, Site
from ..errors import Problem
from ..kit import tls


def directories(site: Site) -> list[Directory]:
    """What the service may only read is root's where root installs; what it writes is its own."""
    readable, own = site.account.readable, site.account.owner
    return [
        Directory("etc", 0o750, readable),
        Directory("keys", 0o700, own),
        *tls.directories(site),
        Directory("data", 0o700, own),
        Directory("log", 0o750, own),
        Directory("run", 0o750, own),
        Directory("tmp", 0o700, own),
    ]


def warn(site: Site) -> Iterator[Problem]:
    """What is unusual with the account, but may be meant."""
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        custom = site.release.bundle["name"]
        yield Problem(
            "the service runs as nobody, an account it may share with others",
            hint=f"run again with --create-user, which creates an account {custom} and gives it the instance",
        )
