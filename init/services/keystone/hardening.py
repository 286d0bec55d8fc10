"""The presets of --hardening: rules for passwords and accounts, as lines of Keystone's [security_compliance], and their
consequences for users that the instance makes. Other answers win over a preset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.bundle.api import Site
from installer.errors import Problem

from . import database, password

#: A password of 12 characters or more, with a letter and a digit.
_STRONG = "^(?=.*[0-9])(?=.*[A-Za-z]).{12,}"
_STRONG_IN_WORDS = "at least 12 characters, with a letter and a digit"


@dataclass(frozen=True)
class Preset:
    lockout: int
    #: Seconds.
    lockout_duration: int
    #: Further settings, each with its purpose.
    rules: Sequence[tuple[str, str, str]] = ()
    #: The pattern of a valid password.
    pattern: str = ""
    #: Options that exempt the administrator, as whom the installer logs in now and then for years.
    exemptions: Sequence[str] = ("ignore_lockout_failure_attempts",)

    @property
    def counts_inactivity(self) -> bool:
        return any(name == "disable_user_account_days_inactive" for name, _, _ in self.rules)


#: The numbers of `pci` refer to requirements of PCI DSS v4.0.1.
PRESETS: Mapping[str, Preset] = {
    "none": Preset(10, 300),
    "pci": Preset(
        10,
        1800,
        (
            ("disable_user_account_days_inactive", "90", "8.2.6: accounts that nobody used for 90 days are disabled"),
            ("change_password_upon_first_use", "true", "8.3.5: a first or reset password must be changed first"),
            ("password_regex", _STRONG, "8.3.6: length and composition of passwords"),
            ("password_regex_description", f"A password needs {_STRONG_IN_WORDS}.", "8.3.6: what users are told"),
            ("unique_last_password_count", "5", "8.3.7: neither the present password nor one of the four before it"),
            ("minimum_password_age", "1", "8.3.7: days, or changes in a row would bring a former one back"),
            ("password_expires_days", "90", "8.3.9: a password is changed every 90 days"),
        ),
        _STRONG,
        ("ignore_lockout_failure_attempts", "ignore_password_expiry", "ignore_user_inactivity"),
    ),
}


def preset(site: Site) -> Preset:
    return PRESETS[site.values("hardening")[0]]


def derived(site: Site) -> Mapping[str, str]:
    """The values of answers whose default depends on the preset."""
    chosen = preset(site)
    return {
        "lockout": site.value("lockout") or str(chosen.lockout),
        "lockout-duration": site.value("lockout-duration") or str(chosen.lockout_duration),
    }


def settings(site: Site) -> str:
    """The lines of keystone.conf's section."""
    chosen = preset(site)
    lines = _lockout(site)
    for name, value, meaning in chosen.rules:
        lines += [f"# {meaning}", f"{name} = {value}"]
    return "\n".join(lines)


def _lockout(site: Site) -> list[str]:
    """The lines of the lockout; Keystone has a minimum of one for both."""
    attempts, duration = derived(site).values()
    if attempts == "0":
        return ["# No number of wrong passwords locks an account."]
    words = [] if preset(site) is PRESETS["none"] else ["# 8.3.4: at most 10 attempts, then 30 minutes"]
    return [*words, f"lockout_failure_attempts = {attempts}", f"lockout_duration = {duration}"]


def check_first_password(site: Site) -> list[Problem]:
    """Reports an administrator's first password that the rules do not allow."""
    pattern, given = preset(site).pattern, password.given(site)
    if given is None or database.kept(site) is not None or re.match(pattern, given):
        return []
    return [
        Problem(
            "the administrator's password is too weak for --hardening",
            where=site.value("admin-password-file") or "",
            why=f"it must have {_STRONG_IN_WORDS}",
            hint="give a stronger one, or none: then it is generated",
        )
    ]


def warn(site: Site) -> Iterator[Problem]:
    """Warns of answers that are weaker than the preset."""
    chosen = preset(site)
    if chosen is PRESETS["none"]:
        return
    attempts, duration = (int(text) for text in derived(site).values())
    if not 0 < attempts <= chosen.lockout or duration < chosen.lockout_duration:
        yield Problem(
            "accounts are locked later or for less time than --hardening asks for",
            why=f"it asks for {chosen.lockout} attempts and {chosen.lockout_duration} seconds, but other answers win",
            hint="--lockout= and --lockout-duration= remove them",
        )


def state(site: Site) -> Mapping[str, Any]:
    """What was done for the preset, for `changes` of the next run."""
    chosen = preset(site)
    return {"exempt": list(chosen.exemptions), "inactivity": chosen.counts_inactivity}


def changes(site: Site, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """What boot.py must do for the preset: `exempt` names options to give the administrator, and `inactivity` is true
    if it starts to count. Leaves out what an earlier run has done."""
    chosen = preset(site)
    done = known.get("exempt") or ()
    return {
        "exempt": [name for name in chosen.exemptions if name not in done],
        "inactivity": chosen.counts_inactivity and not known.get("inactivity"),
    }
