"""Code shared by stores whose data is files of the instance: the place of the copies for an upgrade."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from ...bundle.api import Site
from ...bundle.store import DATA, UPGRADING
from ...errors import Exit, Failure, Problem
from ...state import files, trees


def place_of(path: str) -> str:
    """The path of the copy of a file or directory; both are relative to the instance."""
    inside = path.removeprefix(f"{DATA}/")
    if inside == path:
        raise ValueError(f"{path} is not below {DATA}/")
    return os.path.join(UPGRADING, inside)


def missing(site: Site, path: str) -> Failure:
    """The failure for missing data that is to be saved."""
    install, restore = site.command_line("install"), site.command_line("restore", "FILE")
    return Failure(
        Exit.PREFLIGHT,
        Problem(
            f"a backup needs {path}, which is missing",
            where=site.instance.path(path),
            why="no install has created it yet, or it was removed",
            hint=f"run {install}, which creates one, or {restore}, which restores the one in a backup",
        ),
    )


def make_room(site: Site, path: str) -> str:
    """The absolute path for the copy of `path`; creates the directories above it."""
    place = site.instance.path(place_of(path))
    make_directory(site, os.path.dirname(place))
    return place


def make_directory(site: Site, path: str) -> None:
    """Creates a directory of the service's account and its parents if necessary, and removes anything else in their
    place."""
    if files.is_directory(path):
        return
    make_directory(site, os.path.dirname(path))
    files.remove(path)
    files.ensure_directory(path, 0o700, site.account.owner)


def discard(site: Site, path: str, endings: Sequence[str] = ("",)) -> None:
    """Removes the copy of `path`, with each of these endings added to its name, and directories above that are then
    empty."""
    place = place_of(path)
    for ending in endings:
        trees.remove(site.instance.path(place + ending), lenient=True)
    while place != UPGRADING:
        place = os.path.dirname(place)
        # It may hold other copies, or not be there.
        with suppress(OSError):
            files.remove_directory(site.instance.path(place))
