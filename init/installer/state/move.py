"""An instance on its way from one release to another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import files, former
from .instance import Instance
from .release import LEFT, Release


@dataclass(frozen=True)
class Move:
    """From a release to its successor; the instance is at `source` before and at `target` after it."""

    old: Release
    source: Instance
    target: Instance

    @property
    def facts(self) -> Mapping[str, str]:
        """Its facts for the journal."""
        return {"old": self.old.root, "source": self.source.root, "target": self.target.root}

    @property
    def renames(self) -> bool:
        return self.source.root != self.target.root

    @property
    def current(self) -> Instance:
        """The instance in its present place."""
        return self.target if self.target.exists else self.source

    @property
    def old_install(self) -> str:
        return " ".join(former.command_line(self.old, "install", self.source))


def recorded_move(facts: Mapping[str, Any]) -> Move:
    """The move that the journal recorded."""
    return Move(Release(facts["old"]), Instance(facts["source"]), Instance(facts["target"]))


def rename(source: Instance, target: Instance) -> None:
    files.rename(source.root, target.root)
    for path in (source.root, target.root):
        files.sync_directory(os.path.dirname(path))


def leave_word(release: Release, instance: Instance) -> None:
    """Leaves a link in the release to the new place of its instance, so that it can be found."""
    files.remove(release.path(LEFT))
    os.symlink(instance.root, release.path(LEFT))


def why_not_renamed(source: Instance, target: Instance) -> str:
    """Why the instance cannot be renamed from one place to the other; empty if it can."""
    here, there = os.path.dirname(source.root), os.path.dirname(target.root)
    if os.path.islink(source.root):
        return "it is a symbolic link"
    if _mount(source.root) != _mount(here):
        return "it is a separate file system"
    if not os.path.isdir(there):
        return f"{there} is gone"
    if _mount(here) != _mount(there):
        return "they are on different file systems"
    for directory in (here, there):
        if not os.access(directory, os.W_OK | os.X_OK):
            return f"this user cannot write to {directory}"
    return ""


def _mount(path: str) -> str:
    """The mount of the directory: rename(2) does not cross mounts, not even of the same device."""
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file)
    finally:
        os.close(descriptor)
    return facts["mnt_id"].strip()
