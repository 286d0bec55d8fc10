"""The write-ahead journal: a command's intention and progress.

One JSON object per line. `begin` records the request, `step` is written before a step that changes something, `end`
when all is done. If the last operation has no `end`, the command was interrupted; every step is idempotent, so the
command can be run again with the answers in `begin`.
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

#: The step after which an operation that exchanges data must be finished or rolled back: the instance is in neither the
#: former state nor the new one.
SWITCH = "switch"


@dataclass(frozen=True)
class Unfinished:
    """An interrupted operation."""

    operation: str
    began: str
    last_step: str | None
    answers: Mapping[str, list[str]]
    #: The command line that finishes it; empty if any `install` does.
    resume: str = ""
    #: All entries of `begin`.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The steps it reached, with their entries; the last one of a repeated step.
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: By path, digests of content that it, and unfinished operations before it, wrote or were about to write.
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: The states that these brought the data to, or were about to.
    states: Sequence[Mapping[str, Any]] = ()

    @property
    def switched(self) -> bool:
        return SWITCH in self.steps

    @property
    def backup(self) -> str:
        """The backup from before the first unfinished change; empty if none was made."""
        return next((entry["backup"] for entry in (self.facts, *self.steps.values()) if entry.get("backup")), "")

    @property
    def kept(self) -> Mapping[str, Any]:
        """Facts to carry over to the next operation."""
        kept = {"backup": self.backup, "written": self.written, "states": self.states}
        return {name: value for name, value in kept.items() if value}


class Journal:
    """The journal at `path`, open for one operation."""

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self, operation: str, answers: Mapping[str, list[str]], **facts: Any) -> None:
        """Starts a new operation. Drops earlier ones, but keeps the changes of unfinished ones and the backup from
        before them."""
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
        """Ends an operation that was rolled back. On a full disk the journal is not written, and the next command
        reports an interruption."""
        with suppress(OSError):
            self.end()

    def unfinished(self) -> Unfinished | None:
        """The interrupted operation, if any. Raises NEEDS_PERSON for a journal with paths outside its instance: no
        bootstrap wrote that."""
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
