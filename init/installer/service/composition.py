"""All services of a bundle as one product: implements `bundle/api.py` by asking each in turn."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from signal import Signals
from typing import Any, TypeVar, cast

from ..bundle.api import Directory, Reload, Remark, RenderedFile, Site
from ..bundle.shared_keys import SharedKeys
from ..bundle.store import Store
from ..bundle.transfer import Transfer
from ..errors import Problem
from ..host.limits import Appetite
from ..host.network import Listener
from ..host.processes import Daemon, Process
from ..kit import addresses, readiness, servers, tls, web, wsgi
from ..kit.readiness import Awaited
from ..kit.wsgi import Application
from ..manager.guards import Advice
from ..state.journal import Journal
from ..state.release import Release
from . import declaration, handover, shared
from .declaration import Declaration
from .service import Service

#: The package that hooks are found in: `init/services/NAME/hooks.py` is the module `ksbundle_services.NAME.hooks`.
PACKAGE = "ksbundle_services"

Item = TypeVar("Item")


class Composition:
    """Services in order of dependency: each comes after those it needs."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.services = services
        self.TRANSIENT: Collection[str] = [name for service in services for name in service.TRANSIENT]
        self.SECRETS: Sequence[str] = ["keys", *_secrets(services)]
        self.PLACES: Sequence[str] = [path for service in services for path in service.PLACES]
        self.UNPLACED: Collection[str] = [name for service in services for name in service.UNPLACED]
        self.ENDINGS: Mapping[str, Signals] = {
            name: number for service in services for name, number in service.ENDINGS.items()
        }
        self.APPETITE = _sum([service.APPETITE for service in services])

    def check_answers(self, site: Site) -> list[Problem]:
        return [
            *(wsgi.check_paths(site) if self._applications(site) else ()),
            *self._each(lambda service: service.check_answers(site)),
            *tls.check_answers(site),
            *addresses.check(site, self.listeners(site)),
        ]

    def warn(self, site: Site) -> list[Problem]:
        public = self._each(lambda service: service.urls(site)[:1])
        return [*web.warn(site, public), *shared.warn(site), *self._each(lambda service: service.warn(site))]

    def derived(self, site: Site) -> Mapping[str, str]:
        return {name: text for service in self.services for name, text in service.derived(site).items()}

    def listeners(self, site: Site) -> list[Listener]:
        return self._each(lambda service: service.listeners(site))

    def urls(self, site: Site) -> Sequence[str]:
        return self._each(lambda service: service.urls(site))

    def directories(self, site: Site) -> list[Directory]:
        found = [
            *shared.directories(site),
            *self._each(lambda service: service.directories(site)),
            *servers.directories(site, self._applications(site)),
        ]
        return list({directory.path: directory for directory in found}.values())

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        sections = self._each(lambda service: service.next_steps(site))
        return [
            *self._each(lambda service: service.rendered_files(site)),
            *servers.rendered_files(site, self._applications(site)),
            *tls.rendered_files(site),
            *handover.rendered_files(site, self._serves(site), sections, self._advice(site)),
        ]

    def daemons(self, site: Site) -> list[Daemon]:
        return [
            *self._each(lambda service: service.daemons(site)),
            *servers.daemons(site, self._applications(site)),
        ]

    def is_prepared(self, site: Site) -> bool:
        return all(service.is_prepared(site) for service in self.services)

    def unmade(self, site: Site) -> Sequence[str]:
        return self._each(lambda service: service.unmade(site))

    def prepare(self, site: Site, journal: Journal) -> None:
        for service in self.services:
            if not service.is_prepared(site):
                service.prepare(site, journal)

    def stores(self, site: Site) -> Sequence[Store]:
        return self._each(lambda service: service.stores(site))

    def kept(self, site: Site) -> Sequence[Store]:
        return self._each(lambda service: service.stores(site) if service.is_known(site) else ())

    def has_data(self, site: Site) -> bool:
        return any(service.has_data(site) for service in self.services)

    def upgrade_data(self, site: Site) -> None:
        for service in self.services:
            if service.is_known(site):
                service.upgrade_data(site)

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        return next((texts for texts in (service.place(where) for service in self.services) if texts is not None), None)

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        ways = (service.transfer(source, target) for service in self.services)
        return next((way for way in ways if way is not None), None)

    def state(self, site: Site) -> Mapping[str, Any]:
        return {name: fact for service in self.services for name, fact in service.state(site).items()}

    @contextmanager
    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> Iterator[Callable[[], None]]:
        with ExitStack() as ready:
            migrations = [ready.enter_context(service.migration(site, former)) for service in self.services]

            def migrate() -> None:
                for each in migrations:
                    each()

            yield migrate

    def check_configuration(self, site: Site) -> None:
        servers.check_configuration(site, self._applications(site))
        for service in self.services:
            service.check_configuration(site)

    def reloading(self, site: Site, daemon: Process, changed: Collection[str]) -> Reload | None:
        own = (service.reloading(site, daemon, changed) for service in self.services)
        found = next((reload for reload in own if reload is not None), None)
        return found or servers.reloading(site, self._applications(site), daemon, changed)

    def wait_ready(self, site: Site) -> None:
        readiness.wait_ready(site, self._awaited(site))

    def check_serving(self, site: Site) -> list[Problem]:
        return readiness.check_serving(site, self._awaited(site))

    def _awaited(self, site: Site) -> list[Awaited]:
        own = self._each(lambda service: service.awaited(site))
        return [*own, *servers.awaited(site, self._applications(site))]

    def prove(self, site: Site) -> list[str]:
        return self._each(lambda service: service.prove(site))

    def shared_keys(self, site: Site) -> SharedKeys | None:
        return next((found for found in (service.shared_keys(site) for service in self.services) if found), None)

    def maintain(self, site: Site) -> list[str]:
        return self._each(lambda service: service.maintain(site))

    def check_data(self, site: Site) -> list[Problem]:
        return [*self._each(lambda service: service.check_data(site)), *tls.check_copies(site)]

    def check_outside(self, site: Site) -> list[Problem]:
        return self._each(lambda service: service.check_outside(site))

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        return self._each(lambda service: service.review(site, edited))

    def expiring(self, site: Site) -> list[Problem]:
        return [*tls.expiring(site), *self._each(lambda service: service.expiring(site))]

    def summary(self, site: Site) -> list[str]:
        lines = [*self._serves(site), *self._each(lambda service: service.summary(site))]
        return handover.summary(site, lines, self._advice(site))

    def _applications(self, site: Site) -> list[Application]:
        """The applications of all services: one server may run several."""
        return [each for each in (service.application(site) for service in self.services) if each is not None]

    def _serves(self, site: Site) -> list[str]:
        """A line for each service that has a URL."""
        return [f"{service.title} serves {url}" for service in self.services for url in service.urls(site)[:1]]

    def _advice(self, site: Site) -> list[Advice]:
        scripts = self._each(lambda service: service.scripts(site))
        return handover.advise(site, self.listeners(site), scripts)

    def _each(self, ask: Callable[[Service], Sequence[Item]]) -> list[Item]:
        return list(itertools.chain.from_iterable(map(ask, self.services)))


def _secrets(services: Sequence[Service]) -> Iterator[str]:
    """Paths of secrets outside `keys`."""
    for service in services:
        yield from service.SECRETS
        yield from (secret.path for secret in service.declaration.secrets if not secret.path.startswith("keys/"))


def _sum(appetites: Sequence[Appetite]) -> Appetite:
    """The sum of the services' needs. The one that needs most memory says what to do if there is less."""
    return Appetite(
        open_files=max(appetite.open_files for appetite in appetites),
        tasks=sum(appetite.tasks for appetite in appetites),
        memory=sum(appetite.memory for appetite in appetites),
        relief=max(appetites, key=lambda appetite: appetite.memory).relief,
    )


def load(release: Release) -> Composition:
    """The services that `init/bundle.json` lists, each with its hooks."""
    services: dict[str, Service] = {}
    for declared in map(declaration.parse, release.bundle["services"]):
        services[declared.name] = _load(release, declared)(declared, services)
    return Composition(list(services.values()))


def _load(release: Release, declared: Declaration) -> type[Service]:
    """The class of the service: its hooks', if it has any."""
    if not declared.hooks:
        return Service
    own = f"{PACKAGE}.{declared.name}"
    for name in [name for name in sys.modules if name.startswith(f"{own}.")]:
        del sys.modules[name]
    for name, places in ((PACKAGE, []), (own, [release.path("init", "services", declared.name)])):
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = places
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return cast("type[Service]", importlib.import_module(f"{own}.hooks").Hooks)
