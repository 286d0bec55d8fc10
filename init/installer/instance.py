"""The instance: the directory that holds everything that changes."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: Directory of an instance with rendered files, and those of the operator beside them.
CONFIGURATION = "etc"


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
    def run(self) -> str:
        """Working directory of every process of the instance: that is how they are known, see processes.py."""
        return self.path("run")

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
        return os.path.lexists(self.lock)
