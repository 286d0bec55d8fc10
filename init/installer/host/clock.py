"""The host's clock. A wrong one spoils what is written meanwhile, even more once it is corrected."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator

from ..errors import Problem
from ..state.receipt import TIME_FORMAT, Receipt

DAY = 86400
#: The time stamp of everything in a release, SOURCE_DATE_EPOCH of its build: a clock before that is wrong.
RELEASED = 1_767_225_600  # 2026-01-01
#: Seconds after which a release is hardly ever installed.
LONG = 10 * 365 * DAY
#: The difference allowed between the clocks of two hosts. A time further in the future was written by a clock that was
#: ahead.
TOLERANCE = DAY


def is_ahead(moment: float) -> bool:
    """Whether that time, in seconds since 1970, is in the future."""
    return moment > time.time() + TOLERANCE


def is_due(last: float, interval: float) -> bool:
    """Whether something last done at `last` is due again; also if that was recorded by a clock that was ahead."""
    return abs(time.time() - last) >= interval


def check() -> Iterator[Problem]:
    """Reports a clock before the release."""
    if _is_lost():
        yield Problem(
            f"the clock says {_today()}",
            why="everything with an expiry time would expire at the wrong time, all at once when the clock is set",
            hint="set the clock, with date -s or a time service",
        )


def warn() -> Iterator[Problem]:
    """Warns of a clock that may be ahead."""
    if time.time() > RELEASED + LONG:
        yield Problem(
            f"the clock says {_today()}, long after this release was made",
            why="whatever the service writes before the clock is corrected would look newer than everything after it",
            hint="if that is not the time, stop here and set the clock, with date -s or a time service",
        )


def check_past(recorded: Receipt, where: str) -> Iterator[Problem]:
    """Reports an instance, with its receipt at `where`, that was installed by a clock that was ahead; nothing if the
    clock is before the release now."""
    if not _is_lost() and recorded.installed and is_ahead(seconds(recorded.installed)):
        yield Problem(
            "the instance was made at a time in the future",
            where=where,
            why=f"it was installed at {recorded.installed}; its data counts as newer than everything written now, "
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
