"""A product for tests of the installer: one real daemon that serves nothing, one file, a directory of data."""

from __future__ import annotations

import os
import signal
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import support  # noqa: F401 # Makes the installer importable.
from installer.bundle import api
from installer.bundle.api import Remark, RenderedFile, Site
from installer.bundle.store import Store
from installer.bundle.transfer import Transfer
from installer.errors import Exit, Failure, Problem
from installer.host.limits import Appetite
from installer.host.network import Listener
from installer.host.processes import Daemon, Process
from installer.kit.data.directory import Directory
from installer.state import files
from installer.state.journal import Journal

TRANSIENT = ("once",)
#: The data: the host that the service is proven for.
DATA = "data/kept/host"
DAEMON = "ksbsleeper"


class FakeProduct:
    """`calls` lists what was done; a step whose name is in `failing` fails."""

    TRANSIENT: Collection[str] = TRANSIENT
    SECRETS: Sequence[str] = ("keys", "password")
    PLACES: Sequence[str] = ()
    UNPLACED: Collection[str] = ()
    ENDINGS: Mapping[str, signal.Signals] = types.MappingProxyType({})
    APPETITE = Appetite(open_files=64, tasks=16, memory=1 << 20, relief="stop something else")

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self.edited: list[str] = []
        self.remarks: list[Remark] = []

    def _did(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise Failure(Exit.NEEDS_PERSON, Problem(f"{name} failed"))

    def check_answers(self, site: Site) -> list[Problem]:
        return [Problem("bad host")] if site.value("host") == "bad.example" else []

    def warn(self, site: Site) -> list[Problem]:
        return []

    def listeners(self, site: Site) -> list[Listener]:
        return []

    def urls(self, site: Site) -> Sequence[str]:
        return [f"http://{site.value('host')}"]

    def derived(self, site: Site) -> Mapping[str, str]:
        return {}

    def directories(self, site: Site) -> list[api.Directory]:
        return [api.Directory(name, 0o750, site.account.owner) for name in ("etc", "keys", "data", "run", "log", "tmp")]

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        content = f"host={site.value('host')}\nroot={site.instance.root}\n"
        return [RenderedFile("etc/conf", content.encode(), 0o640, None)]

    def daemons(self, site: Site) -> list[Daemon]:
        argv = [site.release.path("bin", DAEMON), "60"]
        return [
            Daemon(DAEMON, argv, log=site.instance.path("log", "daemon.log"), files=["etc/conf"], logs=["log/own.log"])
        ]

    def is_prepared(self, site: Site) -> bool:
        return os.path.exists(site.instance.path(DATA))

    def has_data(self, site: Site) -> bool:
        return self.is_prepared(site)

    def unmade(self, site: Site) -> Sequence[str]:
        return [] if self.is_prepared(site) else [DATA]

    def prepare(self, site: Site, journal: Journal) -> None:
        self._did("prepare")
        self._write(site)

    def _write(self, site: Site) -> None:
        content = (site.value("host") or "").encode()
        files.ensure_directory(os.path.dirname(site.instance.path(DATA)), 0o700, site.account.owner)
        files.write_atomically(site.instance.path(DATA), content, 0o600, site.account.owner)

    def stores(self, site: Site) -> Sequence[Store]:
        return [Directory(site, os.path.dirname(DATA))]

    def kept(self, site: Site) -> Sequence[Store]:
        return self.stores(site)

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        return None

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        return None

    def upgrade_data(self, site: Site) -> None:
        self._did("upgrade")

    def state(self, site: Site) -> Mapping[str, Any]:
        return {"host": site.value("host")}

    @contextmanager
    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> Iterator[Callable[[], None]]:
        yield lambda: self._did("migrate")
        self._write(site)

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        self.edited = list(edited)
        return self.remarks

    def check_configuration(self, site: Site) -> None:
        self._did("check")

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Callable[[], bool]:
        def reload() -> bool:
            self._did("reload")
            return True

        return reload

    def wait_ready(self, site: Site) -> None:
        self._did("ready")

    def prove(self, site: Site) -> list[str]:
        self._did("prove")
        with open(site.instance.path(DATA), encoding="utf-8") as data:
            if data.read() != site.value("host"):
                raise Failure(Exit.VERIFICATION, Problem("the data is of another host"))
        return ["proven"]

    def maintain(self, site: Site) -> list[str]:
        return []

    def shared_keys(self, site: Site) -> None:
        return None

    def check_data(self, site: Site) -> list[Problem]:
        return []

    def check_outside(self, site: Site) -> list[Problem]:
        return []

    def expiring(self, site: Site) -> list[Problem]:
        return []

    def check_serving(self, site: Site) -> list[Problem]:
        return []

    def summary(self, site: Site) -> list[str]:
        return []


class Cut(BaseException):
    """Represents SIGKILL: no cleanup code catches it."""


@contextmanager
def cut_at(line: int) -> Iterator[None]:
    """Interrupts a command at the moment when it has written this many lines into a journal."""
    written = 0

    def counted(method: Callable[..., None]) -> Callable[..., None]:
        def write(*values: Any, **facts: Any) -> None:
            nonlocal written
            method(*values, **facts)
            written += 1
            if written == line:
                raise Cut

        return write

    with ExitStack() as patched:
        for name in ("begin", "step", "end"):
            patched.enter_context(mock.patch.object(Journal, name, counted(getattr(Journal, name))))
        yield


def end(processes: Sequence[Process]) -> None:
    """Kills daemons that a test started, and reaps them."""
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
