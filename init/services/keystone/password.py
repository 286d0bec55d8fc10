"""Passwords of the instance's users. Each stands in one file of the instance, 0600, and goes nowhere else."""

from __future__ import annotations

import errno
import functools
import os
import secrets
import select
import time

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.state import files

from .users import ADMIN, User

#: bcrypt takes no more into account; Keystone is configured to refuse longer ones.
LONGEST = 72
#: Bytes that are read of a file that is given, and seconds in which the writer of a pipe has to be done.
_LARGEST = 4096
_PATIENCE = 10


def file(site: Site, user: User = ADMIN) -> str:
    return site.instance.path(user.password_file)


def check_given(site: Site) -> list[Problem]:
    """What is wrong with the file that --admin-password-file names."""
    path = site.value("admin-password-file")
    if path is None:
        return []
    try:
        _given(path)
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


@functools.cache
def _given(path: str) -> str:
    """Reads it once: a pipe tells it no second time, and a shell's <(command) is one."""
    return _parse(_read(path))


def _read(path: str) -> bytes:
    """What a file, or a pipe whose writer has not begun yet, holds up to its end, or to more than a password may have.
    Raises TimeoutError where nobody writes into the pipe."""
    content, deadline = b"", time.monotonic() + _PATIENCE
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as source:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        # A pipe that nobody has opened to write yet seems to end; it is not ready.
        while len(content) <= _LARGEST and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            piece = source.read(_LARGEST)
            if piece == b"":
                return content
            content += piece or b""
        if len(content) <= _LARGEST:
            raise TimeoutError(errno.ETIMEDOUT, f"nobody wrote it to its end within {_PATIENCE} s")
    return content


def _parse(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    text = text[:-1] if text.endswith("\n") else text
    text = text[:-1] if text.endswith("\r") else text
    if not text:
        raise ValueError("it is empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("it contains a line break or another control character")
    if len(text.encode()) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} bytes")
    return text


def given(site: Site) -> str | None:
    """The administrator's, from the file that --admin-password-file names."""
    path = site.value("admin-password-file")
    return None if path is None else _given(path)


def stored(site: Site, user: User = ADMIN) -> str | None:
    """What the instance's file says, which the operator keeps true after changing the password."""
    try:
        content = files.read(file(site, user))
        return None if content is None else _parse(content)
    except ValueError as error:
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(f"the password of {user.name} cannot be read", where=file(site, user), why=str(error)),
        ) from error


def store(site: Site, password: str, user: User = ADMIN) -> None:
    files.write_atomically(file(site, user), f"{password}\n".encode(), 0o600)


def first(site: Site, user: User = ADMIN) -> str:
    """The password the user is created with: given, kept from a run that was cut off, or made now.

    It is on disk before it is used, so that no run that is cut off leaves a user nobody can be.
    """
    known = stored(site, user)
    password = (given(site) if user is ADMIN else None) or known or secrets.token_hex(16)
    if known != password:
        store(site, password, user)
    return password
