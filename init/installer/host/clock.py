"""The host's clock. One that is wrong spoils what is written meanwhile, and more so once it is set right."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator

from ..errors import Problem
from ..state.receipt import TIME_FORMAT, Receipt

DAY = 86400
#: The time stamp of everything in a release, SOURCE_DATE_EPOCH of its build: an earlier clock has lost the time.
RELEASED = 1_767_225_600  # 2026-01-01
#: Seconds after which a release is hardly ever installed.
LONG = 10 * 365 * DAY
#: The clocks of two hosts may differ by that. What is later than now by more was written by one that was ahead.
TOLERANCE = DAY


def is_ahead(moment: float) -> bool:
    """Whether that time, in seconds since 1970, is yet to come."""
    return moment > time.time() + TOLERANCE


def is_due(last: float, interval: float) -> bool:
    """Whether what was done at `last` is to be done again; also where that was by a clock that was ahead."""
    return abs(time.time() - last) >= interval


def check() -> Iterator[Problem]:
    """A clock that lost the time."""
    if _is_lost():
        yield Problem(
            f"the clock says {_today()}",
            why="everything with an expiry time would expire at the wrong time, all at once when the clock is set",
            hint="set the clock, with date -s or a time service",
        )


def warn() -> Iterator[Problem]:
    """A clock that may be ahead."""
    if time.time() > RELEASED + LONG:
        yield Problem(
            f"the clock says {_today()}, long after this release was made",
            why="whatever the service writes before the clock is corrected would look newer than everything after it",
            hint="if that is not the time, stop here and set the clock, with date -s or a time service",
        )


def check_past(recorded: Receipt, where: str) -> Iterator[Problem]:
    """An instance, with its receipt at `where`, that was installed by a clock that was ahead; nothing where the clock
    lost the time now."""
    if not _is_lost() and recorded.installed and is_ahead(seconds(recorded.installed)):
        yield Problem(
            "the instance was made at a time in the future",
            where=where,
            why=f"it was installed at {recorded.installed}; its data count as newer than all that is written now, "
            "so that a changed password, for example, locks its user out",
            hint="if the clock is right now, install again (uninstall --purge --yes, then install), or restore a "
            "backup of another time; change no password before",
        )


def seconds(timestamp: str) -> float:
    """Seconds since 1970 of a time in a receipt."""
    return calendar.timegm(time.strptime(timestamp, TIME_FORMAT))


def _is_lost() -> bool:
    return time.time() < RELEASED


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
