"""The parts of the service keystone that its declaration cannot express."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from shlex import quote
from typing import Any

from installer.bundle.api import Remark, RenderedFile, Site
from installer.bundle.registration import Registration
from installer.bundle.shared_keys import SharedKeys
from installer.bundle.store import Store
from installer.bundle.transfer import Transfer
from installer.errors import Problem
from installer.host.network import Listener
from installer.host.processes import Daemon
from installer.kit import acceptance
from installer.kit.proofs import Request
from installer.kit.readiness import Awaited
from installer.kit.wsgi import Application
from installer.service.service import Service
from installer.state.journal import Journal

from . import (
    catalog,
    checks,
    configuration,
    data,
    database,
    directory,
    handover,
    hardening,
    keys,
    metrics,
    nodes,
    openid,
    password,
    proof,
    review,
    rotation,
    server,
    settings,
    shared_keys,
    transfer,
    users,
)


class Hooks(Service):
    title = "Keystone"
    TRANSIENT = (*password.TRANSIENT, *database.TRANSIENT, *directory.TRANSIENT, *openid.TRANSIENT)
    SECRETS = data.SECRETS
    PLACES = database.PLACES
    UNPLACED = settings.UNPLACED
    APPETITE = settings.APPETITE

    def check_answers(self, site: Site) -> list[Problem]:
        return checks.check_answers(site)

    def warn(self, site: Site) -> list[Problem]:
        return [*database.warn(site), *directory.warn(site), *hardening.warn(site), *keys.warn(site)]

    def derived(self, site: Site) -> Mapping[str, str]:
        return {**super().derived(site), **hardening.derived(site)}

    def listeners(self, site: Site) -> list[Listener]:
        return [*super().listeners(site), *metrics.listeners(site)]

    def daemons(self, site: Site) -> list[Daemon]:
        return [*super().daemons(site), *metrics.daemons(site)]

    def awaited(self, site: Site) -> list[Awaited]:
        return [*super().awaited(site), *metrics.awaited(site)]

    def url_of(self, site: Site, answer: str) -> str:
        return settings.public_url(site)

    def provided(self, site: Site, key: str) -> str:
        return settings.local_url(site) if key == "local-url" else super().provided(site, key)

    def urls(self, site: Site) -> Sequence[str]:
        return settings.urls(site)

    def values(self, site: Site) -> Mapping[str, str]:
        return configuration.values(site)

    def template_values(self, site: Site) -> Mapping[str, str]:
        return {"database": database.settings(site)}

    def shown_values(self, site: Site) -> Mapping[str, str]:
        return {"database": database.settings(site, shown=True)}

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        outside = [*database.rendered_files(site), *directory.rendered_files(site), *openid.rendered_files(site)]
        cache = self.needed(site, "memcached", "socket")
        own = [*super().rendered_files(site), *metrics.rendered_files(site, cache)]
        return [*outside, *own, *handover.rendered_files(site)]

    def application(self, site: Site) -> Application | None:
        application = super().application(site)
        ready = Request("/v3", status=200)
        return application and replace(
            application,
            url=settings.base_url(site),
            names=settings.NAMES,
            request_id=settings.REQUEST_ID,
            ready=ready,
            files=[*application.files, *directory.read_files(site)],
            directives=openid.directives(site),
            stats=metrics.directory(site),
        )

    def check_configuration(self, site: Site) -> None:
        """Loads Keystone, which takes seconds, only if an operator changed something."""
        if configuration.is_edited(site, self.rendered_files(site)):
            acceptance.check(site, "", "Keystone", settings.CONFIG, configuration.check_command(site))

    def is_prepared(self, site: Site) -> bool:
        return data.is_prepared(site)

    def has_data(self, site: Site) -> bool:
        return bool(data.stores(site)) and database.kept(site) is not None

    def unmade(self, site: Site) -> Sequence[str]:
        return data.unmade(site)

    def prepare(self, site: Site, journal: Journal) -> None:
        data.prepare(site, journal, self._registered(site))

    def databases(self, site: Site) -> Sequence[str]:
        return [database.EMBEDDED] if database.kind(site) == "embedded" else []

    def stores(self, site: Site) -> Sequence[Store]:
        return data.stores(site)

    def upgrade_data(self, site: Site) -> None:
        data.upgrade_data(site)

    def is_known(self, site: Site) -> bool:
        return super().is_known(site) or database.kept(site) is not None

    def place(self, where: str) -> Mapping[str, Sequence[str]]:
        return transfer.place(where)

    def transfer(self, source: Site, target: Site) -> Transfer:
        others = [service for service in self._others.values() if service is not self]
        transfer.check_others(source, target, others)
        return transfer.KeystoneTransfer(source, target)

    def state(self, site: Site) -> Mapping[str, Any]:
        return catalog.state(site, self._registered(site))

    def migration(self, site: Site, former: Sequence[Mapping[str, Any]]) -> AbstractContextManager[Callable[[], None]]:
        return catalog.migration(site, former, self._registered(site))

    def _registered(self, site: Site) -> Sequence[Registration]:
        return [each for service in self._others.values() for each in service.registrations(site)]

    def check_data(self, site: Site) -> list[Problem]:
        return data.check_data(site)

    def check_outside(self, site: Site) -> list[Problem]:
        asked = [] if database.check(site) else server.check(site)
        return [*asked, *directory.check_outside(site), *openid.check_outside(site)]

    def review(self, site: Site, edited: Collection[str]) -> Sequence[Remark]:
        return review.review(site, edited)

    def prove(self, site: Site) -> list[str]:
        proven = proof.prove(site)
        nodes.register(site)
        return proven

    def maintain(self, site: Site) -> list[str]:
        return rotation.maintain(site)

    def expiring(self, site: Site) -> list[Problem]:
        return server.expiring(site)

    def shared_keys(self, site: Site) -> SharedKeys:
        return shared_keys.KeystoneKeys(site)

    def next_steps(self, site: Site) -> Sequence[str]:
        return handover.next_steps(site)

    def summary(self, site: Site) -> Sequence[str]:
        return [
            f"  credentials  . {quote(site.instance.path(users.ADMIN.openrc))}",
            f"  try it       {quote(site.release.path('bin', 'openstack'))} token issue",
        ]
