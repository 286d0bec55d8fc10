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

#: What stands for a secret where something is shown that has one.
HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Site:
    """A release, an instance of it, and the answers: all that files are rendered from."""

    release: Release
    instance: Instance
    account: Account
    answers: Answers
    #: Where the instance lies until it is moved; None where it lies in its place.
    source: Instance | None = None

    def present(self, path: str) -> str:
        """Where a file of the instance, relative to it, lies now."""
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
    """A file of the instance that follows from the site alone; `path` is relative to the instance."""

    path: str
    content: bytes
    mode: int
    owner: Owner | None
    #: What may be shown where the content has secrets: the same lines, with HIDDEN for each secret; or nothing.
    shown: bytes | None = None

    @property
    def secret(self) -> bool:
        return self.shown is not None


@dataclass(frozen=True)
class Remark:
    """What a release makes of something that an operator wrote for an earlier one."""

    problem: Problem
    #: Whether the service would not start with it.
    stops: bool = False


#: Makes a daemon take changed files; False if it has not done so in time.
Reload = Callable[[], bool]


class Product(Protocol):
    """The services of an instance."""

    #: Answers that count for one run and are not remembered.
    TRANSIENT: Collection[str]
    #: Files and directories of the instance, relative to it, that are made once and cannot be rendered again: keys and
    #: passwords. They go into backups as they are, and stay when the service is uninstalled.
    SECRETS: Sequence[str]
    #: Files and directories, relative to the instance, that hold data under some answers: a purge removes them whatever
    #: the answers are by then.
    PLACES: Sequence[str]
    #: What it asks of its host.
    APPETITE: Appetite
    #: Daemons that former releases started in the instance's `run` itself; see `find_processes`.
    UNPLACED: Collection[str]
    #: The signals of daemons that do not end at SIGTERM, by name, whatever the answers.
    ENDINGS: Mapping[str, Signals]

    def check_answers(self, site: Site) -> list[Problem]:
        """Problems with the answers as a whole that the declaration cannot express, and with the files that they
        name."""

    def warn(self, site: Site) -> list[Problem]:
        """Warnings for the operator."""

    def listeners(self, site: Site) -> list[Listener]: ...

    def urls(self, site: Site) -> Sequence[str]:
        """Where clients find the service, the advertised URL first."""

    def derived(self, site: Site) -> Mapping[str, str]:
        """What answers of its own come to that have no default, by name, whether they were given or not."""

    def directories(self, site: Site) -> list[Directory]:
        """In the order they are made; `run` is among them."""

    def rendered_files(self, site: Site) -> list[RenderedFile]: ...

    def daemons(self, site: Site) -> list[Daemon]:
        """In the order they are started."""

    def is_prepared(self, site: Site) -> bool:
        """Whether keys and database exist, so that `prepare` has nothing to do."""

    def unmade(self, site: Site) -> Sequence[str]:
        """Files and directories, relative to the instance, that `prepare`, `migrate` or `prove` would write."""

    def prepare(self, site: Site, journal: Journal) -> None:
        """Makes keys and database on the first run. Either they are complete afterwards, or it is as if not begun."""

    def stores(self, site: Site) -> Sequence[Store]:
        """What keeps the data that `prepare` makes but `SECRETS`, in the order in which they are saved."""

    def kept(self, site: Site) -> Sequence[Store]:
        """Those among them that an instance of an earlier release may have: not those of a service that is new."""

    def has_data(self, site: Site) -> bool:
        """Whether some of the data exist, though `prepare` may have others to make."""

    def upgrade_data(self, site: Site) -> None:
        """Brings the data, which may be of an earlier version, to what this release needs: the copies that all `kept`
        stores have made. Nobody uses them yet. What needs nothing is left as it is, byte for byte."""

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        """The answers by which the data are in the database that an operator names; None if they can be in one place
        only."""

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        """The way of the data from where the source's answers have them to where the target's do; None if there is no
        other place."""

    def state(self, site: Site) -> Mapping[str, Any]:
        """Facts of this run for the next one."""

    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> AbstractContextManager[Callable[[], None]]:
        """Gets ready, while other work goes on, to bring data to the state of the site from one of the former, or
        from what lies between them: the first is the receipt's, the others those of runs that were cut off. Without
        any, or with an empty one, that is not known. What is yielded does so; nothing is changed before."""

    def check_configuration(self, site: Site) -> None:
        """Raises a failure if the daemons would not accept the rendered files."""

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Reload | None:
        """What makes a running daemon take the changed ones of its files without closing its ports; None if nothing
        does."""

    def wait_ready(self, site: Site) -> None:
        """Returns when the service answers on every listener; raises a failure if it does not."""

    def prove(self, site: Site) -> list[str]:
        """Uses the service as a client does. Returns what was proven, one line each; raises VERIFICATION."""

    def shared_keys(self, site: Site) -> SharedKeys | None:
        """The keys that other nodes take over; None if an instance has no other nodes."""

    def maintain(self, site: Site) -> list[str]:
        """Does what is due while the service runs; says what was done, a line each. Root or the service's account calls
        it. Cut off, it is done again."""

    def check_data(self, site: Site) -> list[Problem]:
        """Problems on disk with files that no store keeps: keys and certificate."""

    def check_outside(self, site: Site) -> list[Problem]:
        """What keeps the service from what it uses outside of the instance, such as a server of the operator's. It is
        asked and not changed, within seconds. The site has the instance where it lies now, if there is one."""

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        """What this release makes of the operator's own settings in an instance that it is to take over: what it does
        not know any more, reads differently or refuses. Nothing is changed. `edited` are rendered files, relative to
        the instance, that were edited by hand."""

    def expiring(self, site: Site) -> list[Problem]:
        """Problems that these files will soon have."""

    def check_serving(self, site: Site) -> list[Problem]:
        """Why the service, whose daemons run, does not answer on a listener. Waits for seconds, not for minutes."""

    def summary(self, site: Site) -> list[str]:
        """The last lines of a successful install."""


def directories(product: Product, site: Site) -> list[Directory]:
    """All directories of the instance, in the order they are made: the bundle's, then where each daemon works."""
    places = (os.path.join(RUN, daemon.name) for daemon in product.daemons(site))
    return [*product.directories(site), *(Directory(place, 0o700, site.account.owner) for place in places)]


def make_directories(product: Product, site: Site) -> None:
    """Makes what is missing of the instance's directories, and corrects modes and owners."""
    for directory in directories(product, site):
        files.ensure_directory(site.instance.path(directory.path), directory.mode, directory.owner)
