"""Directories and warnings common to every instance."""

from __future__ import annotations

from collections.abc import Iterator

from ..bundle.api import Directory, Site
from ..errors import Problem
from ..kit import tls


def directories(site: Site) -> list[Directory]:
    """If root installs, root owns what the service may only read; the service owns what it writes."""
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
    """Warns of an unusual account that may be intended."""
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        custom = site.release.bundle["name"]
        yield Problem(
            "the service runs as nobody, an account it may share with others",
            hint=f"run again with --create-user, which creates an account {custom} and gives it the instance",
        )
