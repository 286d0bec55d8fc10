"""Secrets of one line, each in a file: one that an operator names, or one of the instance, 0600."""

from __future__ import annotations

import errno
import functools
import os
import secrets
import select
import time

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from ..state import files

#: Bytes that are read of a file that is given, and seconds in which the writer of a pipe has to be done.
LARGEST = 4096
PATIENCE = 10


@functools.cache
def read_given(path: str, longest: int) -> str:
    """The secret in a file that an operator names. It is read once: a pipe tells it no second time, and a shell's
    <(command) is one. Raises OSError, or ValueError with the reason in words, also for more than `longest` bytes."""
    return _parse(_read(path), longest)


def read(path: str, longest: int) -> str | None:
    """The secret in a file of the instance; None if there is none. Raises ValueError if it holds something else."""
    content = files.read(path)
    return None if content is None else _parse(content, longest)


def write(path: str, secret: str) -> None:
    """Gives a file of the instance, which nobody but its owner may read, that secret."""
    files.write_atomically(path, f"{secret}\n".encode(), 0o600)


def made(site: Site, path: str, size: int) -> str:
    """The secret in a file of the instance, relative to it; where there is none yet, the one that it will get. Raises
    NEEDS_PERSON if the file holds something else."""
    where = site.present(path)
    try:
        return read(where, LARGEST) or intended(site.instance.path(path), size)
    except ValueError as error:
        hint = "restore a backup after you have removed the file; without one, install makes another secret"
        raise Failure(
            Exit.NEEDS_PERSON, Problem("a secret cannot be used", where=where, why=str(error), hint=hint)
        ) from error


@functools.cache
def intended(_path: str, size: int) -> str:
    """The secret, so many random bytes in hexadecimal, that a file is made with: the same one whenever this process
    asks, so that what is rendered before the file is made has it."""
    return secrets.token_hex(size)


def _read(path: str) -> bytes:
    """What a file, or a pipe whose writer has not begun yet, holds up to its end, or to more than a secret may have.
    Raises TimeoutError where nobody writes into the pipe."""
    content, deadline = b"", time.monotonic() + PATIENCE
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as source:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        # A pipe that nobody has opened to write yet seems to end; it is not ready.
        while len(content) <= LARGEST and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            piece = source.read(LARGEST)
            if piece == b"":
                return content
            content += piece or b""
        if len(content) <= LARGEST:
            raise TimeoutError(errno.ETIMEDOUT, f"it was not complete within {PATIENCE} s")
    return content


def _parse(raw: bytes, longest: int) -> str:
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
    if len(text.encode()) > longest:
        raise ValueError(f"it is longer than {longest} bytes")
    return text
