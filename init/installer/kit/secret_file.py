"""Secrets of one line, each in a file: an operator's, or one of the instance with mode 0600."""

from __future__ import annotations

import errno
import functools
import os
import secrets
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from ..state import files

#: Largest size of a given file in bytes, and seconds in which the writer of a pipe must finish.
LARGEST = 4096
PATIENCE = 10


@functools.cache
def read_given(path: str, longest: int) -> str:
    """The secret in a file that an operator names. It is read once: a pipe, such as a shell's <(command), can be read
    only once. Raises OSError, or ValueError with the reason, also for more than `longest` bytes."""
    return _parse(_read(path), longest)


_Find = Callable[[str], bytes | None]
#: Those of `replacing`.
_finds: list[_Find] = []


def read(path: str, longest: int) -> str | None:
    """The secret in a file of the instance; None if there is none. Raises ValueError if it holds anything else."""
    content = files.read(path)
    try:
        return None if content is None else _parse(content, longest)
    except ValueError:
        for find in _finds:
            substitute = find(path)
            if substitute is not None:
                return _parse(substitute, longest)
        raise


@contextmanager
def replacing(find: _Find) -> Iterator[None]:
    """In the block, which restores a backup, the contents that are found by path count in place of files that cannot be
    used: nobody has to remove what the backup replaces anyway."""
    _finds.append(find)
    try:
        yield
    finally:
        _finds.remove(find)


def write(path: str, secret: str) -> None:
    """Writes the secret to a file of the instance that only its owner can read."""
    files.write_atomically(path, f"{secret}\n".encode(), 0o600)


def made(site: Site, path: str, size: int) -> str:
    """The secret in a file, relative to the instance; the one it will get if it does not exist yet. Raises NEEDS_PERSON
    if the file holds anything else."""
    where = site.present(path)
    try:
        return read(where, LARGEST) or intended(site.instance.path(path), size)
    except ValueError as error:
        hint = "restore a backup; without one, remove the file: install makes another secret"
        raise Failure(
            Exit.NEEDS_PERSON, Problem("a secret cannot be used", where=where, why=str(error), hint=hint)
        ) from error


@functools.cache
def intended(_path: str, size: int) -> str:
    """The new secret of a file, `size` random bytes in hexadecimal. It stays the same in this process, so that files
    rendered before it is written can contain it."""
    return secrets.token_hex(size)


def make(site: Site, path: str, size: int) -> str:
    """Writes the intended secret to the file, relative to the instance, as the service's account, unless there is one;
    returns the secret. Raises as `made`."""
    secret = made(site, path, size)
    site.account.run(_make, site.instance.path(path), secret)
    return secret


def _make(path: str, secret: str) -> None:
    """Runs as the service's account."""
    if not files.exists(path):
        write(path, secret)


def _read(path: str) -> bytes:
    """The content of a file, or of a pipe that may not be opened for writing yet; at most a little more than LARGEST.
    Raises TimeoutError if the pipe's writer does not finish."""
    content, deadline = b"", time.monotonic() + PATIENCE
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as source:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        # A read from a pipe without a writer yet would look like its end; poll does not report it ready.
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
