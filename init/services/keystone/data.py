"""Keys and database: made on the first run, looked after later.

Keystone's own code makes them, in one process of the release's Python; see running.py.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from installer.bundle.api import Site
from installer.bundle.store import Store
from installer.errors import Exit, Failure, Problem
from installer.kit.data.sqlite import Sqlite
from installer.state import files
from installer.state.journal import Journal

from . import configuration, database, password, running, users
from .external import External

_KEYS = (configuration.FERNET_KEYS, configuration.CREDENTIAL_KEYS)
SECRETS = [user.password_file for user in users.USERS]


def unmade(site: Site) -> list[str]:
    """What there is no trace of yet, of all that is made once; and a password that is given in the place of another."""
    wanted = [users.ADMIN, users.DEMO] if users.wants_demo(site) else [users.ADMIN]
    names = [*_KEYS, database.trace(site), *(user.password_file for user in wanted)]
    missing = [name for name in names if not files.exists(site.instance.path(name))]
    usable = not password.check_given(site)
    if usable and password.given(site) not in (None, password.stored(site)):
        missing.append(users.ADMIN.password_file)
    return list(dict.fromkeys(missing))


def stores(site: Site) -> list[Store]:
    """Those of the database; the service that runs the bundle's own server saves what that holds."""
    kind = database.kind(site)
    return [Sqlite(site, database.SQLITE)] if kind == "sqlite" else [External(site)] if kind == "external" else []


def prepare(site: Site, journal: Journal) -> None:
    secret = password.first(site)
    journal.step("create keys and database")
    facts: dict[str, Any] = {"password": secret, "demo": demo(site), "exempt": users.ADMIN.name}
    if database.kind(site) == "sqlite":
        running.run_boot(site, "create", **facts)
    else:
        facts["again"] = database.begun(site)
        database.begin(site)
        running.run_boot(site, "create", **facts)
        database.finish(site)
    problems = [*check_data(site), *(problem for store in stores(site) for problem in store.check())]
    if problems:
        raise Failure(Exit.NEEDS_PERSON, *problems)


def upgrade_data(site: Site) -> None:
    if database.kind(site) == "embedded":
        running.run_boot(site, "upgrade", connection=database.upgrading(site))
    else:
        running.run_boot(site, "upgrade", new=Sqlite(site, database.SQLITE).upgrading)


def demo(site: Site) -> Mapping[str, str] | None:
    """What boot.py needs to know of the ordinary user and project, where they are asked for."""
    if not users.wants_demo(site):
        return None
    user = users.DEMO
    return {"name": user.name, "project": user.project, "password": password.first(site, user)}


def check_data(site: Site) -> list[Problem]:
    return list(_check_keys(site))


def _check_keys(site: Site) -> Iterator[Problem]:
    """Keystone reports success even if it could write no key, and takes an empty one for none."""
    hint = "restore the instance's keys from a backup; credentials stored in the database need theirs"
    for repository in _KEYS:
        where = site.instance.path(repository)
        try:
            facts = site.account.run(_look_at_keys, where)
        except OSError as error:
            yield Problem("keys cannot be read", where=where, why=error.strerror or "", hint=hint)
            continue
        keys = facts["keys"]
        if "0" not in keys or len(keys) < 2 or any(key["size"] == 0 for key in keys.values()):
            yield Problem("keys are missing or empty", where=where, hint=hint)
        if any(mode & 0o077 for mode in (facts["mode"], *(key["mode"] for key in keys.values()))):
            yield Problem("other users can read the keys", where=where, hint=f"chmod -R u=rwX,go= {where}")
        foreign = [name for name, key in keys.items() if key["uid"] != site.account.uid]
        if foreign:
            yield Problem(
                "the service cannot read its keys",
                where=where,
                why=f"key {', '.join(sorted(foreign))} is not {site.account.name}'s",
                hint=f"chown -R {site.account.name} {where}",
            )


def _look_at_keys(repository: str) -> Mapping[str, Any]:
    """Facts of a directory of keys, and of each. Runs as the service's account."""
    found = {name: os.lstat(os.path.join(repository, name)) for name in os.listdir(repository) if name.isdigit()}
    return {
        "mode": stat.S_IMODE(os.stat(repository).st_mode),
        "keys": {
            name: {
                "size": key.st_size if stat.S_ISREG(key.st_mode) else 0,
                "mode": stat.S_IMODE(key.st_mode),
                "uid": key.st_uid,
            }
            for name, key in found.items()
        },
    }
