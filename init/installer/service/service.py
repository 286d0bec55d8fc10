"""One service of a bundle. This class implements its declaration; the class `Hooks` of its `hooks.py`, if any,
overrides what a declaration cannot express.

A hook uses the site and the kit, never the engine. docs/services.md explains how to write one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from signal import Signals
from types import MappingProxyType
from typing import Any

from ..bundle.api import HIDDEN, Directory, Reload, Remark, RenderedFile, Site
from ..bundle.registration import Registration
from ..bundle.render import render_file
from ..bundle.shared_keys import SharedKeys
from ..bundle.store import DATA, UPGRADING, Store
from ..bundle.transfer import Transfer
from ..errors import Problem
from ..host.limits import Appetite
from ..host.network import Listener
from ..host.processes import Daemon, Process
from ..kit import proofs, wsgi
from ..kit.proofs import Proof
from ..kit.readiness import Awaited
from ..kit.wsgi import Application
from ..state.journal import Journal
from . import data, declaration, listening, programs
from .declaration import Declaration, Listening, Rendered
from .values import Values, expand, references


class Service:
    #: Answers that apply to one run and are not recorded.
    TRANSIENT: Collection[str] = ()
    #: Files of the instance beyond `keys`, relative to it, that are made once and cannot be rendered again. They go
    #: into backups as they are, and stay when the service is uninstalled.
    SECRETS: Sequence[str] = ()
    #: Files and directories, relative to the instance, where it may keep data, depending on answers: a purge removes
    #: them all.
    PLACES: Sequence[str] = ()
    #: Daemons that former releases started directly in the instance's `run`; see `find_processes`.
    UNPLACED: Collection[str] = ()
    #: By name, the signals that end daemons of its that SIGTERM does not end.
    ENDINGS: Mapping[str, Signals] = MappingProxyType({})
    #: The resources that it needs.
    APPETITE = Appetite(1024, 64, 64 << 20, "stop what else runs there")

    def __init__(self, declared: Declaration, others: Mapping[str, Service]) -> None:
        """`others` are the bundle's services, by name; while this runs, only those before it, which it needs."""
        self.declaration = declared
        self._others = others

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name

    # Its answers

    def check_answers(self, site: Site) -> list[Problem]:
        """Problems with combinations of answers that the declaration cannot express, and with what they name."""
        return []

    def warn(self, site: Site) -> list[Problem]:
        """Warnings for the operator that do not stop the run."""
        return []

    def derived(self, site: Site) -> Mapping[str, str]:
        """By name, the derived values of its answers without a default, whether they were given or not."""
        declared = (entry for entry in self.declaration.listeners if entry.public_url)
        urls = {entry.public_url: self.url_of(site, entry.answer) for entry in declared}
        return {**urls, "processes": str(wsgi.processes(site))} if self.declaration.wsgi else urls

    # Its addresses

    def listeners(self, site: Site) -> list[Listener]:
        return [each for entry in self.declaration.listeners for each in listening.listeners(site, entry)]

    def listeners_of(self, site: Site, answer: str) -> list[Listener]:
        return listening.listeners(site, self._listening(answer))

    def url_of(self, site: Site, answer: str) -> str:
        """The URL for clients of the listener that this answer defines."""
        return listening.public_url(site, self._listening(answer))

    def urls(self, site: Site) -> Sequence[str]:
        """The URLs for clients, then those at which this host reaches each listener."""
        declared = self.declaration.listeners
        found = [listening.urls(site, entry, self.url_of(site, entry.answer)) for entry in declared]
        public = [urls[0] for urls in found]
        return list(dict.fromkeys([*public, *(url for urls in found for url in urls)]))

    def _listening(self, answer: str) -> Listening:
        return next(entry for entry in self.declaration.listeners if entry.answer == answer)

    # Its files

    def values(self, site: Site) -> Mapping[str, str]:
        """Values for its templates and texts beyond the names of values.py."""
        return {}

    def template_values(self, site: Site) -> Mapping[str, str]:
        """Further values for its templates only. Called when files are rendered: it may read secrets, and raises
        PREFLIGHT for answers that cannot be rendered."""
        return {}

    def shown_values(self, site: Site) -> Mapping[str, str]:
        """The same with HIDDEN in place of secrets, to show what a run would change."""
        return dict.fromkeys(self.template_values(site), HIDDEN)

    def names(self, site: Site) -> Values:
        return Values(self, site, self.values(site))

    def needed(self, site: Site, service: str, key: str) -> str:
        """A value that a service it needs provides."""
        if service not in self.declaration.needs:
            raise KeyError(service)
        return self._others[service].provided(site, key)

    def provided(self, site: Site, key: str) -> str:
        return expand(self.declaration.provides[key], self.names(site))

    def directories(self, site: Site) -> list[Directory]:
        """Directories beyond those of every instance, in the order of creation. If root installs, root owns those that
        the service may only read."""
        account = site.account
        return [
            Directory(place.path, int(place.mode, 8), account.owner if place.writable else account.readable)
            for place in self.declaration.directories
        ]

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        names = self.names(site)
        names.update(self.template_values(site))
        masked = names.masked(self.shown_values(site))
        return [
            *(self._render(site, file, names, masked) for file in self.declaration.files),
            *programs.commands(site, self.declaration, names),
        ]

    def _render(self, site: Site, file: Rendered, names: Mapping[str, str], masks: Mapping[str, str]) -> RenderedFile:
        template = site.release.path("init", "services", self.name, "templates", file.template)
        content, masked = (render_file(template, values).encode() for values in (names, masks))
        shown = masked if file.secret or masked != content else None
        if file.reader == "operator":
            return RenderedFile(file.path, content, 0o600, None, shown)
        return RenderedFile(file.path, content, 0o640, site.account.readable, shown)

    # Its processes

    def application(self, site: Site) -> Application | None:
        """Its web application, for the kit's servers; None if it has none."""
        declared = self.declaration.wsgi
        if declared is None:
            return None
        spoken = [entry for entry in self.declaration.listeners if entry.protocol == "http"]
        read = [file.path for file in self.declaration.files if file.reader == "service"]
        return Application(
            name=self.name,
            listeners=[each for entry in spoken for each in listening.listeners(site, entry)],
            url=self.url_of(site, spoken[0].answer),
            application=declared.application,
            script=declared.script,
            environment=programs.environment(declared.environment, self.names(site)),
            preload=declared.preload,
            processes=wsgi.processes(site),
            process_memory=declared.process_memory << 20,
            body_limit=declared.body_limit,
            errors=declared.errors,
            files=[path for path in read if path != declared.script],
            logs=declared.logs,
        )

    def daemons(self, site: Site) -> list[Daemon]:
        """Its daemons, in the order of their start."""
        return programs.daemons(site, self.declaration, self.names(site), self.listeners(site))

    def check_configuration(self, site: Site) -> None:
        """Raises a failure if its own daemons would not accept the rendered files."""
        programs.check(site, self.declaration, self.names(site))

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Reload | None:
        """The `Reload` with which a running daemon takes its changed files without closing its ports; None if that is
        impossible or the daemon is not its own."""
        return programs.reloading(self.declaration, daemon, changed)

    def awaited(self, site: Site) -> list[Awaited]:
        """How to tell that its daemons are up."""
        return list(programs.awaited(site, self.declaration, lambda answer: self.listeners_of(site, answer)))

    # Its data

    def databases(self, site: Site) -> Sequence[str]:
        """Names, in lower case, of its databases on the bundle's own server."""
        return []

    def registrations(self, site: Site) -> Sequence[Registration]:
        """What a service of the bundle that keeps a catalog of services keeps of this one."""
        return []

    def is_prepared(self, site: Site) -> bool:
        """Whether secrets and data exist, so that `prepare` has nothing to do."""
        return not data.missing(site, self.declaration)

    def has_data(self, site: Site) -> bool:
        """Whether its stores have data, even if `prepare` still has something to make."""
        return bool(self.stores(site)) and self.is_prepared(site)

    def unmade(self, site: Site) -> Sequence[str]:
        """Files and directories, relative to the instance, that `prepare`, `migrate` or `prove` would write."""
        return data.unmade(site, self.declaration)

    def prepare(self, site: Site, journal: Journal) -> None:
        """Makes secrets and data on the first run. Atomic: after a failure it can start over."""
        data.prepare(
            site,
            self.declaration,
            journal,
            values=self.names(site),
            environment=self.data_environment(site, site.instance.path(DATA)),
            kept=self.stores(site),
        )

    def data_environment(self, site: Site, place: str) -> Mapping[str, str]:
        """Environment of the programs that make data and upgrade copies of it; `place` is the directory of either."""
        return {"KSB_DATA": place}

    def stores(self, site: Site) -> Sequence[Store]:
        """The stores of its data, without secrets, in the order in which they are saved."""
        return data.stores(site, self.declaration)

    def is_known(self, site: Site) -> bool:
        """Whether the instance has a trace of its data. If the former release lacked this service, it has none: then
        there is no data to save or upgrade."""
        return data.has_trace(site, self.declaration, self.stores(site))

    def upgrade_data(self, site: Site) -> None:
        """Upgrades the copies that all stores have made to what this release needs. Nothing uses them yet. Copies that
        need no change stay the same, byte for byte."""
        environment = self.data_environment(site, site.instance.path(UPGRADING))
        data.upgrade(site, self.declaration, self.names(site), environment)

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        """The answers that put the data into the database `where`; None if the service knows only one place for it."""
        return None

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        """The transfer of data from the source's database to the target's; None if they cannot differ."""
        return None

    def state(self, site: Site) -> Mapping[str, Any]:
        """Facts of this run that the next run must know. Names are unique across the bundle's services."""
        return {}

    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> AbstractContextManager[Callable[[], None]]:
        """Prepares, while other work goes on, a change of the data from a `former` state, or one between them, to the
        site's. The first is the receipt's, the others are those of interrupted runs; with none, or an empty one, the
        state is unknown. Yields the function that makes the change; nothing changes before."""
        return nullcontext(lambda: None)

    def check_data(self, site: Site) -> list[Problem]:
        """Problems on disk outside of stores: with its secrets."""
        return data.check(site, self.declaration)

    def check_outside(self, site: Site) -> list[Problem]:
        """Problems with what it uses outside the instance, such as an operator's server: queries it for seconds at
        most, without changing it. The site has the instance's present place, if there is one."""
        return []

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        """Remarks on operator's settings in an instance to be upgraded that this release no longer knows, reads
        differently or refuses. Changes nothing. `edited` are rendered files, relative to the instance, that were edited
        by hand."""
        return []

    def expiring(self, site: Site) -> list[Problem]:
        """Problems to come, such as keys that expire."""
        return []

    # Its use

    def prove(self, site: Site) -> list[str]:
        """Uses the service as a client does. Returns what was proven, one line each; raises VERIFICATION."""
        proven: list[str] = []
        for entry in self.declaration.listeners:
            proven += proofs.prove(site, listening.listeners(site, entry), self._proofs_of(entry, self.names(site)))
        return list(dict.fromkeys(proven))

    def _proofs_of(self, entry: Listening, names: Mapping[str, str]) -> list[Proof]:
        """The proofs to try on that listener; without any, only that it answers."""
        tried = (proof for proof in self.declaration.proofs if proof.listener in ("", entry.answer))
        fitting = [_form(proof, names) for proof in tried if proof.protocol == entry.protocol]
        return fitting or [proofs.Request() if entry.protocol == "http" else proofs.Exchange()]

    def maintain(self, site: Site) -> list[str]:
        """Does the maintenance that is due while the service runs; returns a line for each thing done. Called by root
        or the service's account. Idempotent."""
        return []

    def shared_keys(self, site: Site) -> SharedKeys | None:
        """Its keys, if several instances can be nodes of one service."""
        return None

    # Its texts

    def next_steps(self, site: Site) -> Sequence[str]:
        """Its sections of NEXT-STEPS: a title, a blank line, indented lines."""
        return []

    def summary(self, site: Site) -> Sequence[str]:
        """Its lines at the end of an install, below the one with its URL."""
        return []

    def scripts(self, site: Site) -> Sequence[str]:
        """Programs among its rendered files, relative to the instance: guards of the host may have to trust them."""
        application = self.application(site)
        return [] if application is None else [application.script_path]


def _form(proof: declaration.Proof, names: Mapping[str, str]) -> Proof:
    """The declared proof as the kit's."""
    if not proof.request:
        hidden = [names[name] for name in references(proof.send, "contents")]
        return proofs.Exchange(expand(proof.send, names), expand(proof.expect, names), hidden)
    method, _, path = expand(proof.request, names).partition(" ")
    return proofs.Request(path, method, proof.status, expand(proof.body, names))
