"""The write-ahead journal: what a command set out to do and how far it came.

One JSON object a line. `begin` says what was asked for, `step` is written before a step that changes something,
`end` when all is done. A journal whose last operation has no `end` tells that the command was cut off; every step
can be done again, so the cure is to run the command again, with the answers that `begin` holds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import Exit, Failure, Problem
from . import files
from .instance import check_name

#: The step from which on an operation that exchanges data can only be finished by itself, or taken back: what lies in
#: the instance is neither the former state nor the new one.
SWITCH = "switch"


@dataclass(frozen=True)
class Unfinished:
    """An operation that was cut off."""

    operation: str
    began: str
    last_step: str | None
    answers: Mapping[str, list[str]]
    #: The command line that finishes it; empty if any `install` does.
    resume: str = ""
    #: What `begin` says beyond that.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The steps it came to, with what they say; of a repeated one the last.
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Digests of what it, and others before it that did not come to their end, wrote or was about to write, by path.
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: The states that they brought the data to, or were about to.
    states: Sequence[Mapping[str, Any]] = ()

    @property
    def switched(self) -> bool:
        return SWITCH in self.steps

    @property
    def backup(self) -> str:
        """The backup of the data before the first change that has not come to its end; empty if none was made."""
        return next((entry["backup"] for entry in (self.facts, *self.steps.values()) if entry.get("backup")), "")

    @property
    def kept(self) -> Mapping[str, Any]:
        """What the next operation has to know, too."""
        kept = {"backup": self.backup, "written": self.written, "states": self.states}
        return {name: value for name, value in kept.items() if value}


class Journal:
    """The journal at `path`, open for one operation."""

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self, operation: str, answers: Mapping[str, list[str]], **facts: Any) -> None:
        """Starts a new operation. What is known of earlier ones is dropped, but for what those changed that did not
        come to their end, and the backup from before them."""
        earlier = self.unfinished()
        kept = earlier.kept if earlier is not None else {}
        described = {"operation": operation, "pid": os.getpid(), "answers": dict(answers)}
        entry = {"event": "begin", **described, **kept, **facts}
        files.write_atomically(self._path, _line(entry), 0o600)

    def step(self, name: str, **facts: Any) -> None:
        self._append({"event": "step", "step": name, **facts})

    def end(self) -> None:
        self._append({"event": "end"})

    def abandon(self) -> None:
        """Ends an operation that was taken back. On a full disk the journal stays as it is: the next command tells that
        it was cut off."""
        with suppress(OSError):
            self.end()

    def unfinished(self) -> Unfinished | None:
        """Raises NEEDS_PERSON for a journal that names what lies outside its instance: no bootstrap wrote that."""
        try:
            return _unfinished(files.read(self._path) or b"")
        except ValueError as error:
            problem = Problem("the journal cannot be used", where=self._path, why=str(error))
            raise Failure(Exit.NEEDS_PERSON, problem) from error

    def _append(self, entry: Mapping[str, Any]) -> None:
        descriptor = files.open_plain(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            with files.naming(self._path):
                _write_all(descriptor, _line(entry))
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _line(entry: Mapping[str, Any]) -> bytes:
    stamped = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **entry}
    return json.dumps(stamped, ensure_ascii=False).encode() + b"\n"


def _named(path: object) -> str:
    return check_name(path, units=True)


def _unfinished(content: bytes) -> Unfinished | None:
    begin: dict[str, Any] | None = None
    steps: dict[str, dict[str, Any]] = {}
    last_step: str | None = None
    written: dict[str, list[str]] = {}
    states: list[dict[str, Any]] = []
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # A line torn by a crash: the step it announced had not begun.
        event = entry.get("event")
        if event == "begin":
            begin, steps, last_step = entry, {}, None
            written = {_named(path): list(digests) for path, digests in entry.get("written", {}).items()}
            states = list(entry.get("states", []))
        elif event == "step":
            last_step = str(entry.get("step"))
            steps[last_step] = entry
            if "sha256" in entry:
                written.setdefault(_named(entry["path"]), []).append(entry["sha256"])
            if "state" in entry:
                states.append(entry["state"])
        elif event == "end":
            begin = None
    if begin is None:
        return None
    for entry in (begin, *steps.values()):
        if entry.get("backup"):
            check_name(entry["backup"])
    return Unfinished(
        operation=begin["operation"],
        began=begin["time"],
        last_step=last_step,
        answers=begin.get("answers", {}),
        resume=begin.get("resume", ""),
        facts=begin,
        steps=steps,
        written=written,
        states=states,
    )
