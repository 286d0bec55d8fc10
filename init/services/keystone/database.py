"""Which database an instance keeps its data in, and how Keystone connects to it. Only this module reads these answers.

There are three kinds: an SQLite file, the bundle's own server, and an operator's server. An instance stays with the
database that it was prepared with; see `kept`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal
from urllib.parse import quote

from installer.bundle.api import HIDDEN, RenderedFile, Site
from installer.errors import Exit, Failure, Problem
from installer.kit.credential import Credential, useless
from installer.kit.data import postgresql
from installer.kit.data.sqlite import SIDECARS
from installer.state import files

from . import database_url
from .database_url import DatabaseUrl

Kind = Literal["sqlite", "embedded", "external"]

#: Answers that apply to one run: the password is kept in a file of the instance.
TRANSIENT = ("database-password-file",)
#: The answers that name a database.
ANSWERS = ("database", "database-url")

SQLITE = "data/keystone.db"
CREDENTIAL = "keys/database-password"
CA = "keys/database-ca.pem"
#: Names the database that holds the data, as `identity` does. Without it, an SQLite file does, if that exists.
MARK = "data/keystone.database"
#: The same for the bundle's own server. It is saved and restored with the keys, since its data fits no other.
_OWN_MARK = "keys/keystone.database"
#: Suffix of the mark while that database is being filled: its content is incomplete, and made by the instance.
_BEGUN = ".new"
BEGUN = f"{MARK}{_BEGUN}"
#: Files of data and marks that may exist, depending on answers.
PLACES = (*(SQLITE + ending for ending in ("", *SIDECARS)), MARK, BEGUN)
#: The service of a bundle that runs the embedded server, and the database and role there.
SERVER, EMBEDDED = "postgresql", "keystone"

_CREDENTIAL = Credential("database", "database-password-file", CREDENTIAL, "database-ca", CA)


def kind(site: Site) -> Kind:
    """The database that the answers ask for."""
    if site.value("database-url") is not None:
        return "external"
    return "embedded" if site.value("database") == "embedded" else "sqlite"


def identity(site: Site) -> str:
    """A name of the database that the answers ask for, without account, password and TLS."""
    return database_url.parse(site.value("database-url") or "").identity if kind(site) == "external" else kind(site)


def kept(site: Site) -> str | None:
    """The database that the instance was prepared with, as `identity` names it; None if it was not prepared."""
    for name in (MARK, _OWN_MARK):
        mark = files.read(site.instance.path(name))
        if mark is not None:
            return mark.decode().strip()
    return "sqlite" if files.exists(site.instance.path(SQLITE)) else None


def _mark(site: Site) -> str:
    return _OWN_MARK if kind(site) == "embedded" else MARK


def begun(site: Site) -> bool:
    """Whether an interrupted run has begun to fill the database that the answers ask for."""
    mark = files.read(site.instance.path(_mark(site) + _BEGUN))
    return mark is not None and mark.decode().strip() == identity(site)


def begin(site: Site) -> None:
    """Marks that a server's database is about to be filled."""
    site.account.run(_write, site.instance.path(_mark(site) + _BEGUN), identity(site))


def finish(site: Site) -> None:
    """Marks that the data is now in the database that the answers ask for. Idempotent."""
    own = _mark(site)
    site.account.run(_write, site.instance.path(own), identity(site))
    for name in (own + _BEGUN, *{MARK, _OWN_MARK} - {own}):
        site.account.run(files.remove, site.instance.path(name))


def _write(path: str, text: str) -> None:
    """Runs as the service's account."""
    files.write_atomically(path, f"{text}\n".encode(), 0o600)


def trace(site: Site) -> str:
    """The file, relative to the instance, that marks the database as complete."""
    return SQLITE if kind(site) == "sqlite" else _mark(site)


def connection(site: Site, ca: str | None = None) -> str:
    """The URL for SQLAlchemy.

    Raises PREFLIGHT if the answers name no usable database. `ca` is the path of the authority's certificates before the
    instance has a copy.
    """
    asked = kind(site)
    if asked == "sqlite":
        # SQLAlchemy takes the path as it is, up to the question mark. A writer waits for others for up to 30 s.
        return f"sqlite:///{site.instance.path(SQLITE)}?timeout=30"
    problems = list(faults(site))
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    if asked == "embedded":
        return embedded(site, EMBEDDED)
    return _url(site).connection(password(site), (ca or site.instance.path(CA)) if _source(site) else None)


def embedded(site: Site, name: str, server: str = postgresql.NAME) -> str:
    """The URL for SQLAlchemy of a database on the bundle's own server, or on the one that makes new data."""
    return f"postgresql+psycopg://{name}@/{name}?host={quote(os.path.join(site.instance.run, server))}"


def upgrading(site: Site) -> str:
    """The URL for SQLAlchemy of the copy that the bundle's own server has for an upgrade."""
    return embedded(site, EMBEDDED, postgresql.NEW)


def reachable(site: Site, *, copy: bool = False) -> AbstractContextManager[None]:
    """Keeps the database, or the copy that an upgrade works on, usable in the block: if the bundle's own server does
    not run, starts it for that time."""
    if kind(site) != "embedded":
        return nullcontext()
    server = postgresql.Server(site)
    return (server.new if copy else server).serving()


def settings(site: Site, *, shown: bool = False) -> str:
    """The lines of keystone.conf's section; `shown`: without the password."""
    url = connection(site)
    secret = password(site) if shown and kind(site) == "external" else None
    if secret is not None:
        url = url.replace(f":{quote(secret, safe='')}@", f":{HIDDEN}@", 1)
    lines = [f"connection = {url.replace('$', '$$')}"]
    if kind(site) != "sqlite":
        # Otherwise Keystone would let a request wait for an unreachable server, in a process that then serves nobody.
        # Without retries at the start, each request tries once.
        lines.append("max_retries = 0")
    return "\n".join(lines)


def password(site: Site) -> str | None:
    """The password for the operator's server: the given one, else the instance's copy."""
    return _CREDENTIAL.password(site)


def authority(site: Site) -> bytes | None:
    """The certificates to verify the operator's server with, as PEM; None without an authority."""
    return _CREDENTIAL.authority(site)


def rendered_files(site: Site) -> list[RenderedFile]:
    """The instance's copies of the operator's files. Raises PREFLIGHT if they cannot be used."""
    if kind(site) != "external":
        return []
    problems = list(faults(site))
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return _CREDENTIAL.rendered_files(site)


def _url(site: Site) -> DatabaseUrl:
    return database_url.parse(site.value("database-url") or "")


def _source(site: Site) -> str | None:
    return _CREDENTIAL.source(site)


def check(site: Site) -> list[Problem]:
    """Problems with the answers and with the files that they name. Contacts no server."""
    return list(faults(site)) or list(_check_kept(site))


def faults(site: Site) -> Iterator[Problem]:
    """The same, also for a database that the data is not in yet."""
    url = site.value("database-url")
    if url is None:
        yield from useless(site, ["database-password-file", "database-ca"], without="database-url")
        if kind(site) == "embedded" and not has_server(site):
            yield Problem(
                "this bundle has no database server",
                why=f"--database embedded requires the service {SERVER}, which is not in {site.release.bundle['name']}",
                hint=f"use the bundle keystone-{SERVER}, or a server of your own with --database-url",
            )
        return
    if site.value("database") != "sqlite":
        hint = "leave one of them out; --database= and --database-url= remove them"
        yield Problem("--database-url is given together with --database", hint=hint)
    problems = database_url.check(url, with_ca=site.value("database-ca") is not None)
    yield from problems
    yield from _check_files(site)


def _check_files(site: Site) -> Iterator[Problem]:
    problems = list(_CREDENTIAL.faults(site))
    yield from problems
    secret = None if problems else password(site)
    if secret is not None and not secret.isascii() and _url(site).is_mysql:
        why = "it is not ASCII, which PyMySQL and MySQL's servers read differently"
        yield _CREDENTIAL.unusable(site, ValueError(why))


def _check_kept(site: Site) -> Iterator[Problem]:
    known, wanted = kept(site), identity(site)
    if known is not None and known != wanted:
        migrate = site.command_line("migrate-database", "--to", site.value("database-url") or wanted)
        yield Problem(
            f"the instance's data is in another database: {known}",
            where=site.instance.root,
            why=f"the answers name {wanted}, but install does not move data from one to the other",
            hint=f"run {migrate}; or leave the answer as it was",
        )


def has_server(site: Site) -> bool:
    """Whether the bundle can run a database server."""
    services: Sequence[dict[str, object]] = site.release.bundle["services"]
    return any(service["name"] == SERVER for service in services)


def warn(site: Site) -> list[Problem]:
    """Warnings about settings that work but are unusual."""
    if kind(site) != "external" or _url(site).is_safe(_source(site) is not None):
        return []
    return [
        Problem(
            "the connection to the database is not protected",
            where=identity(site),
            why="nothing checks that the server is the right one: others on the network may read and change all data",
            hint="give the certificate of the server's authority with --database-ca",
        )
    ]
