"""The interface of a bundle to the installer: `Product`.

The services of a release implement it together, see composition.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from signal import Signals
from typing import Any, Protocol

from ..answers.answers import Answers
from ..errors import Problem
from ..host.account import Account
from ..host.limits import Appetite
from ..host.network import Listener
from ..host.processes import Daemon, Process
from ..state import files
from ..state.files import Owner
from ..state.instance import RUN, Instance
from ..state.journal import Journal
from ..state.release import DEFAULT_INSTANCE, Release
from .shared_keys import SharedKeys
from .store import Store
from .transfer import Transfer

#: Shown in place of a secret.
HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Site:
    """A release, an instance of it, and the answers: everything that files are rendered from."""

    release: Release
    instance: Instance
    account: Account
    answers: Answers
    #: The instance's present place before a move; None if it is in its place.
    source: Instance | None = None
    #: The release that an upgrade comes from, or goes back to. Only its database server is used, by that server's data.
    former: Release | None = None

    def present(self, path: str) -> str:
        """The present absolute path of a file of the instance."""
        return (self.source or self.instance).path(path)

    def command_line(self, *words: str) -> str:
        """The command line that runs a command of the release on the instance."""
        own = self.instance.root == self.release.path(DEFAULT_INSTANCE)
        return self.release.command_line(*words, instance="" if own else self.instance.root)

    def values(self, name: str) -> Sequence[str]:
        return self.answers[name].values

    def value(self, name: str) -> str | None:
        values = self.values(name)
        return values[0] if values else None


@dataclass(frozen=True)
class Directory:
    """A directory of the instance, relative to it."""

    path: str
    mode: int
    owner: Owner | None


@dataclass(frozen=True)
class RenderedFile:
    """A file of the instance that is determined by the site; `path` is relative to the instance."""

    path: str
    content: bytes
    mode: int
    owner: Owner | None
    #: What may be shown of content with secrets: the same lines with HIDDEN for each secret, or nothing.
    shown: bytes | None = None

    @property
    def secret(self) -> bool:
        return self.shown is not None


@dataclass(frozen=True)
class Remark:
    """A problem that a release has with something that an operator wrote for an earlier one."""

    problem: Problem
    #: Whether the service would not start with it.
    stops: bool = False


#: Makes a daemon reload changed files; returns False if it did not do so in time.
Reload = Callable[[], bool]


class Product(Protocol):
    """The services of an instance."""

    #: Answers that apply to one run and are not recorded.
    TRANSIENT: Collection[str]
    #: Files and directories of the instance, relative to it, that are made once and cannot be rendered again: keys and
    #: passwords. They go into backups as they are, and stay when the service is uninstalled.
    SECRETS: Sequence[str]
    #: Files and directories, relative to the instance, that may hold data, depending on answers: a purge removes them
    #: all.
    PLACES: Sequence[str]
    #: The resources that it needs.
    APPETITE: Appetite
    #: Daemons that former releases started directly in the instance's `run`; see `find_processes`.
    UNPLACED: Collection[str]
    #: By name, the signals that end daemons that SIGTERM does not end, whatever the answers.
    ENDINGS: Mapping[str, Signals]

    def check_answers(self, site: Site) -> list[Problem]:
        """Problems with the answers as a whole that the declaration cannot express, and with the files that they
        name."""

    def warn(self, site: Site) -> list[Problem]:
        """Warnings for the operator."""

    def listeners(self, site: Site) -> list[Listener]: ...

    def urls(self, site: Site) -> Sequence[str]:
        """The URLs of the service, the advertised one first."""

    def derived(self, site: Site) -> Mapping[str, str]:
        """By name, the derived values of its answers without a default, whether they were given or not."""

    def directories(self, site: Site) -> list[Directory]:
        """In the order of creation; `run` is among them."""

    def rendered_files(self, site: Site) -> list[RenderedFile]: ...

    def daemons(self, site: Site) -> list[Daemon]:
        """In the order of their start."""

    def is_prepared(self, site: Site) -> bool:
        """Whether keys and database exist, so that `prepare` has nothing to do."""

    def unmade(self, site: Site) -> Sequence[str]:
        """Files and directories, relative to the instance, that `prepare`, `migrate` or `prove` would write."""

    def prepare(self, site: Site, journal: Journal) -> None:
        """Makes keys and database on the first run. Atomic: after a failure it can start over."""

    def stores(self, site: Site) -> Sequence[Store]:
        """The stores of the data that `prepare` makes, without `SECRETS`, in the order in which they are saved."""

    def kept(self, site: Site) -> Sequence[Store]:
        """The stores that an instance of an earlier release may have: those of new services are left out."""

    def has_data(self, site: Site) -> bool:
        """Whether some data exists, even if `prepare` still has some to make."""

    def upgrade_data(self, site: Site) -> None:
        """Upgrades the copies that all `kept` stores have made, which may be of an earlier version, to what this
        release needs. Nothing uses them yet. Copies that need no change stay the same, byte for byte."""

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        """The answers that put the data into the database `where`; None if there is only one place for it."""

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        """The transfer of data from the source's database to the target's; None if there is no other place."""

    def state(self, site: Site) -> Mapping[str, Any]:
        """Facts of this run for the next one."""

    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> AbstractContextManager[Callable[[], None]]:
        """Prepares, while other work goes on, a change of the data from a `former` state, or one between them, to the
        site's. The first is the receipt's, the others are those of interrupted runs; with none, or an empty one, the
        state is unknown. Yields the function that makes the change; nothing changes before."""

    def check_configuration(self, site: Site) -> None:
        """Raises a failure if the daemons would not accept the rendered files."""

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Reload | None:
        """The `Reload` with which a running daemon takes its changed files without closing its ports; None if that is
        impossible."""

    def wait_ready(self, site: Site) -> None:
        """Returns when the service answers on every listener; raises a failure if it does not."""

    def prove(self, site: Site) -> list[str]:
        """Uses the service as a client does. Returns what was proven, one line each; raises VERIFICATION."""

    def shared_keys(self, site: Site) -> SharedKeys | None:
        """The keys to share with other nodes; None if an instance cannot have any."""

    def maintain(self, site: Site) -> list[str]:
        """Does the maintenance that is due while the service runs; returns a line for each thing done. Called by root
        or the service's account. Idempotent."""

    def check_data(self, site: Site) -> list[Problem]:
        """Problems on disk with files outside of stores: keys and certificate."""

    def check_outside(self, site: Site) -> list[Problem]:
        """Problems with what the service uses outside the instance, such as an operator's server: queries it for
        seconds at most, without changing it. The site has the instance's present place, if there is one."""

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        """Remarks on operator's settings in an instance to be upgraded that this release no longer knows, reads
        differently or refuses. Changes nothing. `edited` are rendered files, relative to the instance, that were edited
        by hand."""

    def expiring(self, site: Site) -> list[Problem]:
        """Problems that these files will soon have."""

    def check_serving(self, site: Site) -> list[Problem]:
        """Why the service, whose daemons run, does not answer on a listener. Waits for seconds at most."""

    def summary(self, site: Site) -> list[str]:
        """The last lines of a successful install."""


def directories(product: Product, site: Site) -> list[Directory]:
    """All directories of the instance, in the order of creation: the bundle's, then each daemon's working directory."""
    places = (os.path.join(RUN, daemon.name) for daemon in product.daemons(site))
    return [*product.directories(site), *(Directory(place, 0o700, site.account.owner) for place in places)]


def make_directories(product: Product, site: Site) -> None:
    """Makes missing directories of the instance, and corrects modes and owners."""
    for directory in directories(product, site):
        files.ensure_directory(site.instance.path(directory.path), directory.mode, directory.owner)
