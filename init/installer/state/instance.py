"""The instance: the directory that holds everything that changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from unicodedata import category

from . import files

#: Directory of rendered files, and of an operator's files beside them.
CONFIGURATION = "etc"
RUN = "run"
#: The lock of the process that runs the instance in the foreground.
SUPERVISOR = "supervisor"
#: Directory of an instance's systemd units.
UNIT_DIRECTORY = "/etc/systemd/system"
UNIT_ENDINGS = (".service", ".target", ".timer")
#: Names in an instance that only bootstrap or the running service uses: a backup must not contain them, nor a receipt
#: list them as rendered files.
OWN_NAMES = frozenset({"journal", "lock", SUPERVISOR, "backups", "restoring", "log", "run", "tmp"})


def check_name(name: object, *, units: bool = False) -> str:
    """Checks and returns a path from a receipt, a journal or an archive: relative to the instance, or with `units` also
    the absolute path of a unit file. Raises ValueError for any other."""
    if not isinstance(name, str) or any(category(character) in ("Cc", "Cs") for character in name):
        raise ValueError(f"{name!r} is not a name of a file")
    if units and os.path.dirname(name) == UNIT_DIRECTORY and name.endswith(UNIT_ENDINGS):
        return name
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"{name!r} is not a plain relative name")
    return name


@dataclass(frozen=True)
class Instance:
    """`root` is its absolute path."""

    root: str

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    @property
    def receipt(self) -> str:
        return self.path("receipt.json")

    @property
    def journal(self) -> str:
        return self.path("journal")

    @property
    def lock(self) -> str:
        return self.path("lock")

    @property
    def supervisor(self) -> str:
        return self.path(SUPERVISOR)

    @property
    def run(self) -> str:
        """Holds each daemon's working directory, by name, which identifies its processes; see processes.py."""
        return self.path(RUN)

    @property
    def log(self) -> str:
        return self.path("log")

    @property
    def temporary(self) -> str:
        return self.path("tmp")

    @property
    def backups(self) -> str:
        return self.path("backups")

    @property
    def exists(self) -> bool:
        return files.is_taken(self.lock)
