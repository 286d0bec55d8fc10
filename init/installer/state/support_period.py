"""Warns about the end of the release's security fixes."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator

from ..errors import Problem
from .release import Release

#: Days before the end from which on it is reported.
AHEAD = 90


def warn(release: Release) -> Iterator[Problem]:
    """Warns if the last day with security fixes is near or over; nothing if the recipe states none."""
    stated = release.bundle.get("supportEnd")
    if stated is None:
        return
    end = datetime.date.fromisoformat(stated)
    today = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).date()
    days = (end - today).days
    if days > AHEAD:
        return
    if days < 0:
        what = f"{release.name} has had no security fixes since {stated}"
    else:
        left = "1 day" if days == 1 else f"{days} days"
        what = f"{release.name} gets security fixes only until {stated}, {left} from now"
    yield Problem(what, why="its recipe states that date", hint="get a newer release and upgrade to it")
