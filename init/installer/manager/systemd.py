"""The systemd that runs on this host, through systemctl(1) and journalctl(1)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Exit, Failure, Problem

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
#: Seconds; more than a unit's TimeoutStopSec.
_TIMEOUT = 120


#: Exists if the host was booted with systemd; see sd_booted(3).
BOOTED = "/run/systemd/system"


def is_running() -> bool:
    return os.path.isdir(BOOTED)


@dataclass(frozen=True)
class Unit:
    """A unit as systemd knows it; an unknown one is `not-found`."""

    name: str
    load: str
    active: str
    #: Finer than `active`: `auto-restart`, `running`, `dead` …
    sub: str
    result: str
    #: When systemd restarts it: `always`, `no` …; empty for other units than services.
    restart: str
    #: How often systemd has restarted it.
    restarts: int
    #: `enabled`, `disabled`, `static`, `masked` …
    enabled: str
    main_pid: int
    #: Its file has changed since systemd read it.
    outdated: bool


_PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "SubState", "Result", "NRestarts"),
    *("Restart", "UnitFileState", "MainPID", "NeedDaemonReload"),
)


def find_units(names: Sequence[str]) -> Mapping[str, Unit]:
    """The state of each unit, by name."""
    text = systemctl("show", "--property", ",".join(_PROPERTIES), "--", *names)
    units = {}
    for block in text.split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        units[facts["Id"]] = Unit(
            name=facts["Id"],
            load=facts.get("LoadState", ""),
            active=facts.get("ActiveState", ""),
            sub=facts.get("SubState", ""),
            result=facts.get("Result", ""),
            restart=facts.get("Restart", ""),
            restarts=int(facts.get("NRestarts", "0")),
            enabled=facts.get("UnitFileState", ""),
            main_pid=int(facts.get("MainPID", "0")),
            outdated=facts.get("NeedDaemonReload") == "yes",
        )
    return units


def systemctl(*arguments: str) -> str:
    """Runs systemctl and returns its output. Raises NEEDS_PERSON, with its messages, if it fails."""
    try:
        result = subprocess.run(
            [_program("systemctl"), "--no-ask-password", *arguments],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(Exit.NEEDS_PERSON, _refused(arguments, str(error), [])) from error
    if result.returncode != 0:
        why = f"it ended with {result.returncode}"
        raise Failure(Exit.NEEDS_PERSON, _refused(arguments, why, result.stderr.splitlines()[-8:]))
    return result.stdout


def _program(name: str) -> str:
    return shutil.which(name, path=_ENVIRONMENT["PATH"]) or name


def _refused(arguments: Sequence[str], why: str, details: Sequence[str]) -> Problem:
    return Problem(
        f"systemctl {' '.join(arguments)} failed",
        why=why,
        details=details,
        hint="remove the cause and run the command again",
    )


def forget_failures(units: Sequence[str]) -> None:
    """Resets the failed state and the count of attempts of known units."""
    with contextlib.suppress(Failure):
        systemctl("reset-failed", "--", *units)


def last_words(unit: str, lines: int) -> list[str]:
    """The last lines that the unit's processes wrote to the journal; if they wrote none, what systemd says about it."""
    return _journal(f"_SYSTEMD_UNIT={unit}", lines) or _journal(f"--unit={unit}", lines)


def _journal(match: str, lines: int) -> list[str]:
    command = [_program("journalctl"), "--quiet", "--no-pager", "--output=cat", f"--lines={lines}", match]
    try:
        result = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, errors="replace", timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return result.stdout.splitlines()
