"""Stores keep an instance's data: backup, restore, upgrade, rollback and uninstall use only stores.

A store holds data that a service writes while it runs and that cannot be rendered again: a database file, a directory,
or a database of a server. Only the service knows what the data means; see `Product.upgrade_data`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import Problem
from ..state.archive import Source

#: The directory of data files; paths of stores are below it.
DATA = "data"
#: The directory of copies that an upgrade works on: `data/x` as `data/.upgrading/x`. A server's copy is elsewhere.
UPGRADING = f"{DATA}/.upgrading"


@dataclass(frozen=True)
class Size:
    """The size of a store's data in bytes, and upper bounds of what it writes to the instance's file system."""

    #: The size of the files of a dump: a backup before compression.
    content: int
    #: The size of what `dump` writes.
    dump: int
    #: The size of what `copy` writes.
    copy: int


class Store(Protocol):
    """The installer calls these methods in its own process and holds the instance's lock, except for `size`, `check`
    and `paths`. If the installer is root, the store touches files of the service's account only as that account, in a
    child, or by the guarded functions of `state`: the account may have put anything there.

    Every method may be interrupted at any moment, and is then called again. Refusals of the host are raised as OSError,
    all else as a Failure with a hint. Daemons of the instance may be down, and must be where a method says so; a store
    whose server is one of them runs it during a call.
    """

    @property
    def paths(self) -> Sequence[str]:
        """Files and directories, relative to the instance, that hold the data and the store's other files, in the order
        in which a purge removes them. Names of dumped files are among them or below them; paths of two stores never
        overlap. Only the store may read or write there while the service runs."""

    @property
    def bulky(self) -> bool:
        """Whether automatic backups leave the data out, so that a rollback leaves it alone: it is too large to save
        before each change, or `shared`; no upgrade changes it, and either release can use the other's."""

    @property
    def shared(self) -> bool:
        """Whether other instances use the same data: then a restore is refused, and `bulky` is true, so that neither an
        upgrade nor a rollback of one of them changes it. Raises PREFLIGHT if that cannot be found out."""

    @property
    def outdated(self) -> bool:
        """Whether this release cannot use the data until an upgrade has replaced it with the copy, even if the service
        changes nothing in that."""

    def size(self) -> Size:
        """Needs neither the service nor its account. Missing data has size 0."""

    def check(self) -> list[Problem]:
        """Problems that prevent the service from using its data, found without changing it.

        Takes seconds at most, whether the service runs or not.
        """

    def dump(self, target: str) -> Sequence[Source]:
        """A consistent copy of the data as files for a backup, while the service may be writing.

        `target` is an empty directory of the service's account for files to be written; the installer removes it after
        the backup. A server's dump tool writes one file there. A returned file may also be an original that the service
        no longer writes to. Raises PREFLIGHT if there is no data to dump.
        """

    def load(self, source: str, names: Collection[str]) -> None:
        """Replaces the data with a dump. The files are below `source`, a private directory of the installer, under
        these names, which a stranger may have chosen; they may be moved from there. The site's former release, if it
        has one, is to use the data.

        The service is down. Each file, or table, is the former or the new one at any moment. All are new when this
        returns; after an interruption it is called again with all files in place.
        """

    def copy(self) -> None:
        """Makes a consistent copy for an upgrade to work on, and replaces an old one. The service may be writing and is
        not disturbed; nothing uses the copy. It survives a crash."""

    def fingerprint(self) -> str:
        """A text that changes with the content of the copy. Reads the copy as the service will find it, after recovery
        of transactions that an upgrade left unfinished."""

    def adopt(self) -> None:
        """Replaces the data with the copy; does nothing if there is no copy. The service is down: there may be no data
        for a moment. After an interruption, the next call finishes it."""

    def discard(self) -> None:
        """Removes the copy, even a partial one, and anything else in its place.

        It is not an error if there is none, or if it cannot be removed.
        """


def names_of(store: Store, names: Iterable[str]) -> list[str]:
    """The names in a backup that belong to the store."""
    return [name for name in names if any(f"{name}/".startswith(f"{path}/") for path in store.paths)]
