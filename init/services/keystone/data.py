"""Keys and database: made on the first run, checked later.

Keystone's own code makes them, in one process of the release's Python; see running.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from installer.bundle.api import Site
from installer.bundle.registration import Registration
from installer.bundle.store import Store
from installer.errors import Exit, Failure, Problem
from installer.kit import secret_file
from installer.kit.data.sqlite import Sqlite
from installer.state import files
from installer.state.journal import Journal

from . import database, directory, hardening, keys, nodes, password, running, server, users
from .external import External

SECRETS = [user.password_file for user in users.USERS]


def unmade(site: Site) -> list[str]:
    """Files to be made once that are still missing, and the password's if a new one is given."""
    wanted = [users.ADMIN, users.DEMO] if users.wants_demo(site) else [users.ADMIN]
    names = [*(repository.path for repository in keys.repositories(site)), database.trace(site)]
    names += (user.password_file for user in wanted)
    names += [nodes.MARK] if nodes.may_share(site) else []
    missing = [name for name in names if not files.exists(site.instance.path(name))]
    usable = not password.check_given(site)
    if usable and password.given(site) not in (None, password.stored(site)):
        missing.append(users.ADMIN.password_file)
    return list(dict.fromkeys(missing))


def stores(site: Site) -> list[Store]:
    """The stores of the database; the bundle's own server has its own, in its service."""
    kind = database.kind(site)
    return [Sqlite(site, database.SQLITE)] if kind == "sqlite" else [External(site)] if kind == "external" else []


def is_prepared(site: Site) -> bool:
    return database.kept(site) is not None and not keys.signing_missing(site)


def prepare(site: Site, journal: Journal, registered: Sequence[Registration]) -> None:
    if database.kept(site) is None:
        _create(site, journal, registered)
    else:
        # The kind of tokens has changed. Any other missing keys are lost, and not recreated.
        journal.step("create keys that sign tokens")
        running.run_boot(site, "sign")
    problems = [*check_data(site), *(problem for store in stores(site) for problem in store.check())]
    if problems:
        raise Failure(Exit.NEEDS_PERSON, *problems)


def _create(site: Site, journal: Journal, registered: Sequence[Registration]) -> None:
    secret = password.first(site)
    journal.step("create keys and database")
    facts: dict[str, Any] = {
        "password": secret,
        "demo": demo(site),
        "domain": directory.domain(site),
        "services": services(site, registered),
        **hardening.changes(site, {}),
    }
    if database.kind(site) == "sqlite":
        running.run_boot(site, "create", **facts)
    else:
        if server.takes_part(site):
            nodes.join(site)
            database.finish(site)
            return
        facts["again"] = database.begun(site)
        database.begin(site)
        running.run_boot(site, "create", **facts)
        database.finish(site)


def services(site: Site, registered: Sequence[Registration]) -> list[Mapping[str, Any]]:
    """Services of the bundle for boot.py, with their passwords: on disk before they are used."""
    return [
        {
            "name": each.name,
            "type": each.type,
            "url": each.url,
            "roles": each.roles,
            "password": secret_file.make(site, each.password, each.bytes),
        }
        for each in registered
    ]


def upgrade_data(site: Site) -> None:
    if server.is_shared(site):
        # With the tables that it has: `server.check` refuses others.
        return
    if database.kind(site) == "embedded":
        running.run_boot(site, "upgrade", connection=database.upgrading(site))
    else:
        running.run_boot(site, "upgrade", new=Sqlite(site, database.SQLITE).upgrading)


def demo(site: Site) -> Mapping[str, str] | None:
    """The ordinary user and project for boot.py, if requested."""
    if not users.wants_demo(site):
        return None
    user = users.DEMO
    return {"name": user.name, "project": user.project, "password": password.first(site, user)}


def check_data(site: Site) -> list[Problem]:
    return list(keys.check(site))
