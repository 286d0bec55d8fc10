"""One service of a bundle. What it declares is done here; its `hooks.py`, where there is one, has a class `Hooks` that
overrides what a declaration cannot say.

A hook sees the site and the kit, and never the engine. docs/services.md tells how to write one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from signal import Signals
from types import MappingProxyType
from typing import Any

from ..bundle.api import HIDDEN, Directory, Reload, Remark, RenderedFile, Site
from ..bundle.render import render_file
from ..bundle.shared_keys import SharedKeys
from ..bundle.store import Store
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
    #: Answers that count for one run and are not remembered.
    TRANSIENT: Collection[str] = ()
    #: Files of the instance beyond `keys`, relative to it, that are made once and cannot be rendered again. They go
    #: into backups as they are, and stay when the service is uninstalled.
    SECRETS: Sequence[str] = ()
    #: Files and directories, relative to the instance, where it keeps data under some answers: a purge removes them
    #: whatever the answers are by then.
    PLACES: Sequence[str] = ()
    #: Daemons that former releases started in the instance's `run` itself; see `find_processes`.
    UNPLACED: Collection[str] = ()
    #: The signals of its daemons that do not end at SIGTERM, by name.
    ENDINGS: Mapping[str, Signals] = MappingProxyType({})
    #: What it asks of its host.
    APPETITE = Appetite(1024, 64, 64 << 20, "stop what else runs there")

    def __init__(self, declared: Declaration, others: Mapping[str, Service]) -> None:
        """`others` are the services of the bundle by name; it knows those that it needs."""
        self.declaration = declared
        self._others = others

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name

    # What it is told

    def check_answers(self, site: Site) -> list[Problem]:
        """What is wrong with the answers as a whole, beyond what is declared; and with what they name."""
        return []

    def warn(self, site: Site) -> list[Problem]:
        """What the operator should know, though it stops nothing."""
        return []

    def derived(self, site: Site) -> Mapping[str, str]:
        """What answers of its own come to that have no default, by name, whether they were given or not."""
        declared = (entry for entry in self.declaration.listeners if entry.public_url)
        urls = {entry.public_url: self.url_of(site, entry.answer) for entry in declared}
        return {**urls, "processes": str(wsgi.processes(site))} if self.declaration.wsgi else urls

    # Where it serves

    def listeners(self, site: Site) -> list[Listener]:
        return [each for entry in self.declaration.listeners for each in listening.listeners(site, entry)]

    def listeners_of(self, site: Site, answer: str) -> list[Listener]:
        return listening.listeners(site, self._listening(answer))

    def url_of(self, site: Site, answer: str) -> str:
        """Where clients find what listens where the answer says."""
        return listening.public_url(site, self._listening(answer))

    def urls(self, site: Site) -> Sequence[str]:
        """Where clients find it, then where this host reaches each listener."""
        declared = self.declaration.listeners
        found = [listening.urls(site, entry, self.url_of(site, entry.answer)) for entry in declared]
        public = [urls[0] for urls in found]
        return list(dict.fromkeys([*public, *(url for urls in found for url in urls)]))

    def _listening(self, answer: str) -> Listening:
        return next(entry for entry in self.declaration.listeners if entry.answer == answer)

    # Its files

    def values(self, site: Site) -> Mapping[str, str]:
        """What its templates and texts may use beyond the names of values.py."""
        return {}

    def template_values(self, site: Site) -> Mapping[str, str]:
        """What its templates alone may use besides. Asked when files are rendered: it may read secrets, and raises
        PREFLIGHT for answers that nothing can be rendered from."""
        return {}

    def shown_values(self, site: Site) -> Mapping[str, str]:
        """The same with HIDDEN in place of secrets, for who looks at what a run would change."""
        return dict.fromkeys(self.template_values(site), HIDDEN)

    def names(self, site: Site) -> Values:
        return Values(self, site, self.values(site))

    def needed(self, site: Site, service: str, key: str) -> str:
        """What a service that it needs provides."""
        if service not in self.declaration.needs:
            raise KeyError(service)
        return self._others[service].provided(site, key)

    def provided(self, site: Site, key: str) -> str:
        return expand(self.declaration.provides[key], self.names(site))

    def directories(self, site: Site) -> list[Directory]:
        """Beyond those of every instance, in the order they are made. What the service may only read is root's where
        root installs."""
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
        """The web application that it is, for the kit's servers."""
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
        """Its own, in the order they are started."""
        return programs.daemons(site, self.declaration, self.names(site), self.listeners(site))

    def check_configuration(self, site: Site) -> None:
        """Raises a failure if its own daemons would not accept the rendered files."""
        programs.check(site, self.declaration, self.names(site))

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Reload | None:
        """What makes a running daemon take the changed ones of its files without closing its ports; None if nothing
        does, or it is not its own."""
        return programs.reloading(self.declaration, daemon, changed)

    def awaited(self, site: Site) -> list[Awaited]:
        """What shows that its own daemons are up."""
        return list(programs.awaited(site, self.declaration, lambda answer: self.listeners_of(site, answer)))

    # Its data

    def databases(self, site: Site) -> Sequence[str]:
        """Databases, lower-case words, that it has a server of the bundle's keep."""
        return []

    def is_prepared(self, site: Site) -> bool:
        """Whether secrets and data exist, so that `prepare` has nothing to do."""
        return not data.missing(site, self.declaration)

    def has_data(self, site: Site) -> bool:
        """Whether data that its stores keep exist, though `prepare` may have something to make."""
        return bool(self.stores(site)) and self.is_prepared(site)

    def unmade(self, site: Site) -> Sequence[str]:
        """Files and directories, relative to the instance, that `prepare`, `migrate` or `prove` would write."""
        return data.unmade(site, self.declaration)

    def prepare(self, site: Site, journal: Journal) -> None:
        """Makes secrets and data on the first run. Either they are complete afterwards, or it is as if not begun."""
        data.prepare(site, self.declaration, self.names(site), journal)

    def stores(self, site: Site) -> Sequence[Store]:
        """What keeps the data but secrets, in the order in which they are saved."""
        return data.stores(site, self.declaration)

    def is_known(self, site: Site) -> bool:
        """Whether there is a trace of its data in the instance. There is none where a release has it and the former did
        not: then there are no data to save or to upgrade."""
        return data.has_trace(site, self.declaration, self.stores(site))

    def upgrade_data(self, site: Site) -> None:
        """Brings the copies that all stores have made to what this release needs. Nobody uses them yet. What needs
        nothing is left as it is, byte for byte."""
        data.upgrade(site, self.declaration, self.names(site))

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        """The answers by which the data are in the database that an operator names; None if they can be in one place
        only."""
        return None

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        """The way of the data from where the source's answers have them to where the target's do."""
        return None

    def state(self, site: Site) -> Mapping[str, Any]:
        """What must be known of this run by the next one. Two services of a bundle use no name twice."""
        return {}

    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> AbstractContextManager[Callable[[], None]]:
        """Gets ready, while other work goes on, to bring data to the state of the site from one of the former, or
        from what lies between them: the first is the receipt's, the others those of runs that were cut off. Without
        any, or with an empty one, that is not known. What is yielded does so; nothing is changed before."""
        return nullcontext(lambda: None)

    def check_data(self, site: Site) -> list[Problem]:
        """What is wrong on disk with what no store keeps: its secrets."""
        return data.check(site, self.declaration)

    def check_outside(self, site: Site) -> list[Problem]:
        """What keeps it from what it uses outside of the instance, such as a server of the operator's. It is asked and
        not changed, within seconds. The site has the instance where it lies now, if there is one."""
        return []

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        """What this release makes of the operator's own settings in an instance that it is to take over: what it does
        not know any more, reads differently or refuses. Nothing is changed. `edited` are rendered files, relative to
        the instance, that were edited by hand."""
        return []

    def expiring(self, site: Site) -> list[Problem]:
        """What will be wrong with them soon."""
        return []

    # Its use

    def prove(self, site: Site) -> list[str]:
        """Uses the service as a client does. Returns what was proven, one line each; raises VERIFICATION."""
        proven: list[str] = []
        for entry in self.declaration.listeners:
            proven += proofs.prove(site, listening.listeners(site, entry), self._proofs_of(entry, self.names(site)))
        return list(dict.fromkeys(proven))

    def _proofs_of(self, entry: Listening, names: Mapping[str, str]) -> list[Proof]:
        """Those that are tried there. Without any, it has to answer at least."""
        tried = (proof for proof in self.declaration.proofs if proof.listener in ("", entry.answer))
        fitting = [_form(proof, names) for proof in tried if proof.protocol == entry.protocol]
        return fitting or [proofs.Request() if entry.protocol == "http" else proofs.Exchange()]

    def maintain(self, site: Site) -> list[str]:
        """Does what is due while the service runs; says what was done, a line each. Root or the service's account calls
        it. Cut off, it is done again."""
        return []

    def shared_keys(self, site: Site) -> SharedKeys | None:
        """Its keys, if several instances can be nodes of one service."""
        return None

    # Its words

    def next_steps(self, site: Site) -> Sequence[str]:
        """Its own sections of NEXT-STEPS: a title, a blank line, lines that are indented."""
        return []

    def summary(self, site: Site) -> Sequence[str]:
        """Its lines at the end of an install, below the one that says where it serves."""
        return []

    def scripts(self, site: Site) -> Sequence[str]:
        """Programs among its rendered files, relative to the instance: guards of the host may have to know them."""
        application = self.application(site)
        return [] if application is None else [application.script_path]


def _form(proof: declaration.Proof, names: Mapping[str, str]) -> Proof:
    """As the kit tries it."""
    if not proof.request:
        hidden = [names[name] for name in references(proof.send, "contents")]
        return proofs.Exchange(expand(proof.send, names), expand(proof.expect, names), hidden)
    method, _, path = expand(proof.request, names).partition(" ")
    return proofs.Request(path, method, proof.status, expand(proof.body, names))
