"""Keys and database: made on the first run, looked after later.

Keystone's own code makes them, in one process of the release's Python; see boot.py.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host.account import service_environment
from installer.kit import command
from installer.kit.data.sqlite import Sqlite
from installer.state import files
from installer.state.journal import Journal

from . import configuration, database, password, settings, users

_KEYS = (configuration.FERNET_KEYS, configuration.CREDENTIAL_KEYS)
SECRETS = [user.password_file for user in users.USERS]
#: Seconds without progress after which boot.py is ended.
PATIENCE = 18.0


def unmade(site: Site) -> list[str]:
    """What there is no trace of yet, of all that is made once; and a password that is given in the place of another."""
    wanted = [users.ADMIN, users.DEMO] if users.wants_demo(site) else [users.ADMIN]
    names = [*_KEYS, database.trace(site), *(user.password_file for user in wanted)]
    missing = [name for name in names if not files.exists(site.instance.path(name))]
    usable = not password.check_given(site)
    if usable and password.given(site) not in (None, password.stored(site)):
        missing.append(users.ADMIN.password_file)
    return list(dict.fromkeys(missing))


def prepare(site: Site, journal: Journal) -> None:
    secret = password.first(site)
    journal.step("create keys and database")
    facts: dict[str, Any] = {"password": secret, "demo": demo(site), "exempt": users.ADMIN.name}
    if database.kind(site) == "sqlite":
        run_boot(site, "create", **facts)
    else:
        facts["again"] = database.begun(site)
        database.begin(site)
        run_boot(site, "create", **facts)
        database.finish(site)
    problems = [*check_data(site), *(problem for store in database.stores(site) for problem in store.check())]
    if problems:
        raise Failure(Exit.NEEDS_PERSON, *problems)


def upgrade_data(site: Site) -> None:
    if database.kind(site) == "embedded":
        run_boot(site, "upgrade", connection=database.upgrading(site))
        return
    if database.kind(site) != "sqlite":
        what = "the data of a database server cannot be upgraded by this release"
        raise Failure(Exit.NEEDS_PERSON, Problem(what, where=database.identity(site)))
    run_boot(site, "upgrade", new=Sqlite(site, database.SQLITE).upgrading)


def demo(site: Site) -> Mapping[str, str] | None:
    """What boot.py needs to know of the ordinary user and project, where they are asked for."""
    if not users.wants_demo(site):
        return None
    user = users.DEMO
    return {"name": user.name, "project": user.project, "password": password.first(site, user)}


def run_boot(site: Site, action: str, **facts: Any) -> None:
    """Has boot.py act, and returns when it is done."""
    with loading_boot(site, action) as act:
        act(**facts)


class Act(Protocol):
    def __call__(self, **facts: Any) -> None: ...


@contextmanager
def loading_boot(site: Site, action: str) -> Iterator[Act]:
    """Starts boot.py as the service's account: it loads Keystone and its configuration, and waits. What is yielded has
    it act, and returns when it is done. Without that it changes nothing.

    What it is told goes through a pipe: it holds the password.
    """
    request = {
        "action": action,
        "config": site.instance.path(settings.CONFIG),
        "config_directory": site.instance.path(configuration.CONFIG_DIRECTORY),
        "file": site.instance.path(database.SQLITE) if database.kind(site) == "sqlite" else None,
        "public_url": settings.public_url(site),
        "region": settings.region(site),
    }
    child = subprocess.Popen(
        [site.release.python, "-I", "-B", site.release.path("init", "services", "keystone", "boot.py")],
        cwd=site.instance.run,
        env=dict(service_environment(site.release, site.instance.temporary)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        umask=0o027,
        preexec_fn=site.account.confine(),
    )
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise AssertionError("Popen was asked for pipes")

    def tell(facts: Mapping[str, Any]) -> None:
        # If it has ended already, its exit status says more.
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(facts).encode() + b"\n")

    def act(**facts: Any) -> None:
        with database.reachable(site):
            tell(facts)
            try:
                output = command.listen(child.pid, stdout, PATIENCE)
            except command.CommandError as error:
                raise _failed(site, action, error.why, error.details) from error
        if child.wait() != 0:
            raise _failed(site, action, f"boot.py ended with {child.returncode}", command.last_lines(output))

    try:
        # The pipe stays open until the child has ended: that is how the child knows that the installer lives.
        tell(request)
        yield act
    finally:
        child.kill()
        child.wait()


def _failed(site: Site, action: str, why: str, details: Sequence[str]) -> Failure:
    return command.failed(site, f"Keystone could not {action} the instance's data", why, details)


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
