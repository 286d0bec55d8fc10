"""What a service declares in its `service.toml`, as compiled into `init/bundle.json`: checked, with defaults filled in.

Texts may contain `${…}` with the names of values.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Listening:
    """An answer of the type host-port: where the service listens. `protocol` is `http` or `tcp`."""

    answer: str
    protocol: str = "tcp"
    #: The answer with the URL for clients, if that is another one.
    public_url: str = ""


@dataclass(frozen=True)
class Place:
    """A directory of the instance, relative to it."""

    path: str
    mode: str = "0750"
    #: By the service.
    writable: bool = False


@dataclass(frozen=True)
class Rendered:
    """A file of the instance that is rendered from a template of the service."""

    path: str
    template: str
    secret: bool = False
    #: Who reads it: `service` or `operator`.
    reader: str = "service"


@dataclass(frozen=True)
class Wsgi:
    """A web application that the kit's servers run."""

    application: str = ""
    script: str = ""
    preload: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    body_limit: int = 1 << 20
    errors: str = "html"
    #: MiB.
    process_memory: int = 256
    logs: Sequence[str] = ()


@dataclass(frozen=True)
class Program:
    """A daemon: a program of the release. `run[0]` and `check[0]` are paths in the release."""

    name: str
    run: Sequence[str]
    #: The signal that makes it reload changed files; without one it is restarted.
    reload: str = ""
    #: Files of the instance that it reads.
    files: Sequence[str] = ()
    #: The command that checks its configuration and exits.
    check: Sequence[str] = ()
    #: How to tell that it serves: `listener`, `socket` or `file`, and which one.
    ready: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    #: MiB.
    memory: int | None = None
    tasks: int | None = None
    logs: Sequence[str] = ()


@dataclass(frozen=True)
class Data:
    """The service's data, and the programs that make and upgrade it."""

    sqlite: Sequence[str] = ()
    directories: Sequence[str] = ()
    #: Directories that automatic backups leave out.
    bulky: Sequence[str] = ()
    prepare: Sequence[str] = ()
    upgrade: Sequence[str] = ()


@dataclass(frozen=True)
class Secret:
    """A file of the instance with this many random bytes, as hexadecimal text. It is made once."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Proof:
    """A request and its expected response, over `http`; or the text to send and the expected reply, over `tcp`."""

    request: str = ""
    status: int = 200
    body: str = ""
    send: str = ""
    expect: str = ""
    #: The answer of the one listener to try it on; empty for all of the same protocol.
    listener: str = ""

    @property
    def protocol(self) -> str:
        return "http" if self.request else "tcp"


@dataclass(frozen=True)
class Declaration:
    name: str
    summary: str = ""
    #: Whether it has a `hooks.py`.
    hooks: bool = False
    listeners: Sequence[Listening] = ()
    directories: Sequence[Place] = ()
    files: Sequence[Rendered] = ()
    wsgi: Wsgi | None = None
    daemons: Sequence[Program] = ()
    data: Data = field(default_factory=Data)
    secrets: Sequence[Secret] = ()
    proofs: Sequence[Proof] = ()
    #: The services whose values it uses. They come before it.
    needs: Sequence[str] = ()
    provides: Mapping[str, str] = field(default_factory=dict)


def parse(table: Mapping[str, Any]) -> Declaration:
    """Parses a service of `init/bundle.json`."""
    facts = {
        **table,
        "listeners": _each(Listening, table, "listeners"),
        "directories": _each(Place, table, "directories"),
        "files": [_make(Rendered, _rename(entry, {"for": "reader"})) for entry in table.get("files", ())],
        "wsgi": _make(Wsgi, table["wsgi"]) if "wsgi" in table else None,
        "daemons": _each(Program, table, "daemons"),
        "data": _make(Data, table.get("data", {})),
        "secrets": _each(Secret, table, "secrets"),
        "proofs": _each(Proof, table, "proofs"),
    }
    return _make(Declaration, facts)


def _each(kind: type[Kind], table: Mapping[str, Any], key: str) -> list[Kind]:
    return [_make(kind, entry) for entry in table.get(key, ())]


def _make(kind: type[Kind], table: Mapping[str, Any]) -> Kind:
    """An object of that kind from a table with the same names in camel case."""
    return kind(**{re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", key): value for key, value in table.items()})


def _rename(table: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in table.items()}
