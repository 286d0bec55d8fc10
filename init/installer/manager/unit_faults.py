"""Explains faults of an instance's units. Facts: systemctl(1), systemd.service(5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import Problem
from .systemd import Unit, last_words
from .units import Names

#: systemd's results of a service, in plain words.
_RESULTS = {
    "core-dump": "it crashed",
    "exit-code": "it ended with an error",
    "oom-kill": "the kernel killed it because it was out of memory",
    "protocol": "it did not start as systemd expects",
    "resources": "systemd could not provide what it needs",
    "signal": "it was killed",
    "start-limit-hit": "it failed too often",
    "timeout": "it took too long",
}


def explain(unit: Unit | None) -> str:
    """Why a daemon's unit does not run; empty if systemd does not say. Rendered units are always restarted, so a failed
    one was given up; an operator's settings may change that."""
    if unit is None or unit.load == "not-found":
        return "systemd does not know its unit"
    if unit.load != "loaded":
        return f"its unit is {unit.load}"
    cause = _RESULTS.get(unit.result, "" if unit.result == "success" else unit.result)
    if unit.active == "failed" and unit.restart != "always":
        words = [cause or "its unit has failed", f"systemd does not start it again, since Restart={unit.restart}"]
        return "; ".join(words)
    if unit.active == "failed":
        return f"systemd gave up after {unit.restarts} more attempts" + (f"; {cause}" if cause else "")
    if unit.sub.startswith("auto-restart"):
        return f"systemd starts it again and again, {unit.restarts} times so far; {cause}"
    return f"its unit is {unit.active}: it was not started, or it was stopped" if unit.active == "inactive" else ""


def check(names: Names, units: Mapping[str, Unit]) -> Iterator[Problem]:
    """Problems other than those of daemons: start at boot, maintenance, and unit files that systemd has not
    reloaded."""
    target, timer, maintain = (units.get(name) for name in (names.target, names.timer, names.maintain))
    if target is not None and target.enabled != "enabled":
        yield Problem(
            "the service does not start at boot",
            where=target.name,
            why=f"the unit is {target.enabled or 'unknown'}",
            hint=f"systemctl enable {target.name}",
        )
    if timer is not None and timer.active != "active" and target is not None and target.active == "active":
        why = f"the timer is {timer.active}; keys and logs are not rotated"
        yield Problem("maintenance does not run", where=timer.name, why=why, hint=f"systemctl start {timer.name}")
    if maintain is not None and maintain.active == "failed":
        yield Problem(
            "the last maintenance failed",
            where=maintain.name,
            why=_RESULTS.get(maintain.result, maintain.result),
            details=last_words(maintain.name, 5),
            hint=f"remove the cause, then: systemctl start {maintain.name}",
        )
    outdated = sorted(unit.name for unit in units.values() if unit.outdated)
    if outdated:
        hint = "systemctl daemon-reload, then restart the units that use the change"
        yield Problem("unit files changed since systemd read them", where=", ".join(outdated), hint=hint)
