"""Passwords of the instance's users. Each is in one file of the instance, mode 0600, and nowhere else."""

from __future__ import annotations

import secrets

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.kit import secret_file

from .users import ADMIN, User

#: Answers that apply to one run: the administrator's first password.
TRANSIENT = ("admin-password-file",)
#: bcrypt ignores bytes beyond these; Keystone is configured to refuse longer ones.
LONGEST = 72


def file(site: Site, user: User = ADMIN) -> str:
    return site.instance.path(user.password_file)


def check_given(site: Site) -> list[Problem]:
    """Problems with the file that --admin-password-file names."""
    path = site.value("admin-password-file")
    if path is None:
        return []
    try:
        secret_file.read_given(path, LONGEST)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return [
            Problem(
                "the administrator's password cannot be used",
                where=path,
                why=why or "",
                hint="give a readable file that holds the password on one line",
            )
        ]
    return []


def given(site: Site) -> str | None:
    """The administrator's password from the file that --admin-password-file names."""
    path = site.value("admin-password-file")
    return None if path is None else secret_file.read_given(path, LONGEST)


def stored(site: Site, user: User = ADMIN) -> str | None:
    """The password in the instance's file, which the operator updates after changing the password."""
    try:
        return secret_file.read(file(site, user), LONGEST)
    except ValueError as error:
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(f"the password of {user.name} cannot be read", where=file(site, user), why=str(error)),
        ) from error


def is_known(site: Site) -> bool:
    """Whether the administrator's password is given or stored."""
    return site.value("admin-password-file") is not None or stored(site) is not None


def store(site: Site, password: str, user: User = ADMIN) -> None:
    secret_file.write(file(site, user), password)


def first(site: Site, user: User = ADMIN) -> str:
    """The password for a new user: given, kept from an interrupted run, or generated now.

    It is on disk before it is used, so that an interrupted run leaves no user with an unknown password.
    """
    known = stored(site, user)
    password = (given(site) if user is ADMIN else None) or known or _generate()
    if known != password:
        store(site, password, user)
    return password


def _generate() -> str:
    """A new password of 128 bits, with letters and digits, as password rules require."""
    while True:
        made = secrets.token_hex(16)
        if not made.isdigit() and not made.isalpha():
            return made
