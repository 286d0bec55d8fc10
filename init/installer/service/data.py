"""Secrets and data that a service declares: made on the first run, checked later."""

from __future__ import annotations

import os
import stat
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..bundle.api import Site
from ..bundle.store import DATA, UPGRADING, Store
from ..errors import Exit, Failure, Problem
from ..kit import command, secret_file
from ..kit.data.directory import Directory
from ..kit.data.sqlite import Sqlite
from ..state import files
from ..state.journal import Journal
from . import programs
from .declaration import Declaration
from .values import Values


def mark(declaration: Declaration) -> str:
    """The file that records that data and secrets were made: later losses are reported, not recreated."""
    return f"keys/{declaration.name}.prepared"


def missing(site: Site, declaration: Declaration) -> list[str]:
    """The paths still to be made, relative to the instance."""
    wanted = [secret.path for secret in declaration.secrets]
    if declaration.data.prepare or declaration.data.directories:
        wanted.append(mark(declaration))
    return [path for path in wanted if not files.exists(site.instance.path(path))]


def unmade(site: Site, declaration: Declaration) -> list[str]:
    """The same, with missing data."""
    left = missing(site, declaration)
    kept = declaration.data
    data = [*kept.directories, *(kept.sqlite if kept.prepare else ())] if mark(declaration) in left else []
    return [*(path for path in data if not files.exists(site.instance.path(path))), *left]


def prepare(
    site: Site,
    declaration: Declaration,
    journal: Journal,
    *,
    values: Values,
    environment: Mapping[str, str],
    kept: Sequence[Store],
) -> None:
    """Makes what is missing. `kept` are all the service's stores; `environment` is added to that of its programs."""
    for secret in declaration.secrets:
        secret_file.make(site, secret.path, secret.bytes)
    if not missing(site, declaration):
        return
    journal.step(f"prepare {declaration.name}")
    for path in declaration.data.directories:
        files.ensure_directory(site.instance.path(path), 0o700, site.account.owner)
    if declaration.data.prepare:
        names = ChainMap({"data": site.instance.path(DATA)}, values)
        _run(site, declaration, "prepare", values=names, environment=environment)
        lost = [problem for store in kept for problem in store.check()]
        if lost:
            raise Failure(Exit.NEEDS_PERSON, *lost)
    site.account.run(_make_mark, site.instance.path(mark(declaration)))


def has_trace(site: Site, declaration: Declaration, kept: Sequence[Store]) -> bool:
    """Whether the declared data was ever made. Hooks may make theirs in other ways; `kept` are all the service's
    stores. Rendered files prove nothing: they are written before any data is made."""
    traces = [mark(declaration)]
    if declaration.hooks:
        traces += [secret.path for secret in declaration.secrets]
        traces += [path for store in kept for path in store.paths]
    return any(files.is_taken(site.instance.path(path)) for path in traces)


def stores(site: Site, declaration: Declaration) -> list[Store]:
    kept = declaration.data
    return [
        *(Sqlite(site, path) for path in kept.sqlite),
        *(
            Directory(site, path, upgraded=bool(kept.upgrade) and path not in kept.bulky, bulky=path in kept.bulky)
            for path in kept.directories
        ),
    ]


def upgrade(site: Site, declaration: Declaration, values: Values, environment: Mapping[str, str]) -> None:
    if declaration.data.upgrade:
        names = ChainMap({"data": site.instance.path(UPGRADING)}, values)
        _run(site, declaration, "upgrade", values=names, environment=environment)


def _run(
    site: Site, declaration: Declaration, action: str, *, values: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    """Runs the program for that action as the service's account, with the environment of the service's daemons."""
    words = {"prepare": declaration.data.prepare, "upgrade": declaration.data.upgrade}[action]
    argv = programs.command(site, words, values)
    own = {name: text for program in declaration.daemons for name, text in program.environment.items()}
    own.update(declaration.wsgi.environment if declaration.wsgi else {})
    try:
        command.run(site, argv, {**programs.environment(own, values), **environment})
    except command.CommandError as error:
        what = f"{declaration.name} could not {action} its data"
        raise command.failed(site, what, error.why, error.details) from error


def _make_mark(path: str) -> None:
    files.write_atomically(path, b"", 0o600)


def check(site: Site, declaration: Declaration) -> list[Problem]:
    """Problems with the service's secrets."""
    return [problem for secret in declaration.secrets for problem in _check_secret(site, secret.path)]


def _check_secret(site: Site, path: str) -> Iterator[Problem]:
    where, hint = site.instance.path(path), "restore the instance's keys from a backup"
    try:
        facts = site.account.run(_look_at_secret, where)
    except OSError as error:
        yield Problem("a secret cannot be read", where=where, why=error.strerror or "", hint=hint)
        return
    if facts["size"] == 0:
        yield Problem("a secret is empty", where=where, hint=hint)
    if facts["mode"] & 0o077:
        yield Problem("other users can read a secret", where=where, hint=f"chmod go= {where}")


def _look_at_secret(path: str) -> Mapping[str, Any]:
    """Runs as the service's account."""
    with files.opened(path) as file:
        found = os.fstat(file.fileno())
        return {"size": found.st_size, "mode": stat.S_IMODE(found.st_mode)}
