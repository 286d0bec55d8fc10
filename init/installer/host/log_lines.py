"""Prints the lines of logs while daemons write to them.

Logs stay files, so that a reader that is slow or gone blocks no daemon, and `status` can show their last lines. Logs
are emptied when a daemon starts, and `logs.archive` removes lines from their front: then the place of the last printed
line tells where to go on. Runs as the service's account, to whom the logs belong.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .. import report
from . import logs

#: Seconds between two looks at the logs.
_INTERVAL = 0.25
#: Bytes read at once; a longer line is printed in parts.
_PIECE = 1 << 16
#: Bytes of the last line that are remembered, and those of a shortened log that are searched for it.
_MEMORY = 256
_SEARCHED = 1 << 20


@dataclass
class Place:
    """How far a log was printed: the offset after a line, and the end of that line."""

    offset: int = 0
    line: bytes = b""


def ends(directory: str) -> list[tuple[str, int, str]]:
    """The ends of the logs below the directory: path, offset after the last line, and the end of that line as
    Latin-1."""
    found = []
    for path in logs.find(directory):
        with suppress(OSError):
            descriptor = _open(path)
            try:
                start = max(0, os.fstat(descriptor).st_size - _PIECE)
                piece = os.pread(descriptor, _PIECE, start)
            finally:
                os.close(descriptor)
            end = piece.rfind(b"\n") + 1
            found.append((path, start + end, _memory(piece[:end]).decode("latin-1")))
    return found


def follow(directory: str, printed: Sequence[tuple[str, int, str]]) -> None:
    """Prints what is written to the logs below the directory, after the places that `ends` returned, until SIGTERM.
    Returns early if nobody reads standard output."""
    places = {path: Place(offset, line.encode("latin-1")) for path, offset, line in printed}
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    with suppress(OSError):
        while True:
            last = bool(asked)
            print_new(directory, places)
            if last:
                return
            time.sleep(_INTERVAL)


def print_new(directory: str, places: dict[str, Place]) -> None:
    """Prints the complete lines after the `places`, and moves these."""
    for path in sorted(logs.find(directory)):
        for line in _new_lines(path, places.setdefault(path, Place())):
            report.out(line.decode("utf-8", "surrogateescape"))


def _new_lines(path: str, place: Place) -> Iterator[bytes]:
    try:
        if os.lstat(path).st_size == place.offset:
            return
        descriptor = _open(path)
    except OSError:
        return
    try:
        length = len(place.line)
        if os.pread(descriptor, length, place.offset - length) != place.line:
            # Found again, or the log begins anew.
            at = os.pread(descriptor, _SEARCHED, 0).rfind(place.line)
            place.offset = at + length if at >= 0 else 0
        while piece := os.pread(descriptor, _PIECE, place.offset):
            end = piece.rfind(b"\n") + 1
            if end == 0:
                if len(piece) < _PIECE:
                    return
                end = len(piece)
            place.offset += end
            place.line = _memory(piece[:end])
            # Archiving leaves spaces where it cannot remove a line.
            yield from (line for line in piece[:end].splitlines() if line.strip())
    finally:
        os.close(descriptor)


def _memory(printed: bytes) -> bytes:
    return printed.rstrip(b"\n").rpartition(b"\n")[2][-_MEMORY:] + printed[len(printed.rstrip(b"\n")) :]


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
