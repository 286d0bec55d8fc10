"""Stores keep an instance's data: backup, restore, upgrade, rollback and uninstall use only stores.

A store is one thing that a service writes while it runs, and that no file of a release or answer could bring back: a
database in a file, a directory, a database of a server. What the data mean is the service's own business; see
`Product.upgrade_data`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import Problem
from ..state.archive import Source

#: Where files are that are data; paths of stores lie below it.
DATA = "data"
#: Where copies lie while they are brought to another version, `data/x` as `data/.upgrading/x`. A store of a server
#: keeps its copy in the server.
UPGRADING = f"{DATA}/.upgrading"


@dataclass(frozen=True)
class Size:
    """Bytes of what a store holds, and upper bounds of what it writes to the instance's file system."""

    #: Size of the files of a dump: of a backup before compression.
    content: int
    #: The size of what `dump` writes.
    dump: int
    #: The size of what `copy` writes.
    copy: int


class Store(Protocol):
    """The installer calls these methods in its own process, with the instance's lock held but for `size`, `check` and
    `paths`. Where the installer is root, the store itself has what belongs to the service's account done by a child
    that is the account, or goes through `state`'s guarded ways: the account may have put anything there.

    Every method may be cut off at any moment, and is then called again. The host's refusals come as OSError, whatever
    else is wrong as a Failure with what to do. All daemons of the instance may be down, and are where it says so; a
    store whose server is one of them runs that for the time of a call.
    """

    @property
    def paths(self) -> Sequence[str]:
        """Files and directories, relative to the instance, that hold the data, and whatever the store keeps beside
        them, in the order in which a purge removes them. Names of dumped files are among them or lie below; those of
        two stores do not. Only the store may read or write there while the service runs."""

    @property
    def bulky(self) -> bool:
        """Whether backups that nobody asked for leave the data out, so that going back leaves them alone: they are too
        many to be saved before each change, no upgrade changes them, and either release can use the other's."""

    def size(self) -> Size:
        """Needs neither the service nor its account. What is not there has no size."""

    def check(self) -> list[Problem]:
        """Problems that prevent the service from using its data, found without changing them.

        Takes seconds at most, whether the service runs or not.
        """

    def dump(self, target: str) -> Sequence[Source]:
        """The data as files for a backup, consistent in themselves, while the service may be writing.

        `target` is an empty directory of the service's account, for what has to be written; the installer removes it
        when the backup is made. A server's own tool writes one file there. A file that is returned may also be one of
        the data's own if the service does not write to it any more. Raises PREFLIGHT where there are no data to dump.
        """

    def load(self, source: str, names: Collection[str]) -> None:
        """Makes the data what was dumped. The files lie below `source`, a directory of the installer's own that nobody
        else can enter, under these names, which a stranger may have chosen; they may be taken away from there.

        The service is down. Each file, or table, is the former or the new one at any moment. All are new when this
        returns; cut off, it is called again with all files in place.
        """

    def copy(self) -> None:
        """Makes a copy that an upgrade may work on, in the place of one that is left. The service may be writing, and
        goes on without a notice; nobody uses the copy. It is consistent in itself, and a server keeps it as another
        database. It lasts through a crash."""

    def fingerprint(self) -> str:
        """Tells whether the copy was changed: another text where its content is another. Reads the copy as the service
        will find it, so what an upgrade that is over left half done in it is brought to its end."""

    def adopt(self) -> None:
        """Gives the copy the place of the data; does nothing where there is no copy. The service is down: there may be
        no data for a moment. Cut off, it is finished by the next call, whatever was done by then."""

    def discard(self) -> None:
        """Removes the copy, or what is left of one that was cut off, and whatever somebody put in its place.

        It is not an error if there is none, or if it cannot be removed.
        """


def names_of(store: Store, names: Iterable[str]) -> list[str]:
    """Those of the names in a backup that are the store's."""
    return [name for name in names if any(f"{name}/".startswith(f"{path}/") for path in store.paths)]
