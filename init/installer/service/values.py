"""The names that a service's texts and templates use: `${…}` in its declaration, `@{…}` in its templates.

release instance name temporary account answers.NAME the values of an answer, separated by spaces; its derived value if
it was not given listeners.ANSWER.host listeners.ANSWER.port listeners.ANSWER.url of its first value: where to bind, and
the URL for clients secrets.PATH the path of a secret's file contents.PATH the secret itself, only in files with `secret
= true` and in the text that a proof sends needs.SERVICE.KEY what another service provides

A service's hooks may add others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from ..bundle.api import HIDDEN, Site
from ..host.network import Listener
from ..kit import secret_file
from .declaration import Declaration

#: `$${x}` stands for a literal `${x}`.
_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}")
#: The address to bind to listen on every address.
EVERY_ADDRESS = "0.0.0.0"


class Owner(Protocol):
    """A service, from which names are resolved."""

    declaration: Declaration

    def listeners_of(self, site: Site, answer: str) -> list[Listener]: ...

    def url_of(self, site: Site, answer: str) -> str: ...

    def derived(self, site: Site) -> Mapping[str, str]: ...

    def needed(self, site: Site, service: str, key: str) -> str: ...


class Values(dict[str, str]):
    """The values by name. Names with dots are resolved on access; KeyError for an unknown name."""

    def __init__(self, owner: Owner, site: Site, added: Mapping[str, str]) -> None:
        super().__init__(
            {
                "release": site.release.root,
                "instance": site.instance.root,
                "name": owner.declaration.name,
                "temporary": site.instance.temporary,
                "account": site.account.name,
                **added,
            }
        )
        self._owner = owner
        self._site = site

    def __missing__(self, name: str) -> str:
        kind, _, rest = name.partition(".")
        if kind == "answers":
            return self._answer(rest)
        if kind == "secrets":
            return self._site.instance.path(rest)
        if kind == "contents":
            return self._content(rest)
        if kind == "needs":
            return self._owner.needed(self._site, *_split(rest))
        if kind == "listeners":
            return self._listener(*_split(rest))
        raise KeyError(name)

    def masked(self, known: Mapping[str, str]) -> Masked:
        """The same with secrets hidden; the `known` values replace those of the same name."""
        answers = (entry["name"] for entry in self._site.release.bundle["answers"] if entry.get("secret"))
        return Masked(self, known, {f"answers.{name}" for name in answers})

    def _content(self, path: str) -> str:
        sizes = {secret.path: secret.bytes for secret in self._owner.declaration.secrets}
        return secret_file.made(self._site, path, sizes[path])

    def _answer(self, name: str) -> str:
        return " ".join(self._site.values(name)) or self._owner.derived(self._site).get(name, "")

    def _listener(self, answer: str, fact: str) -> str:
        if fact == "url":
            return self._owner.url_of(self._site, answer)
        first, *_ = self._owner.listeners_of(self._site, answer)
        return {"host": first.host or EVERY_ADDRESS, "port": str(first.port)}[fact]


class Masked(dict[str, str]):
    """Values with HIDDEN in place of secrets."""

    def __init__(self, names: Mapping[str, str], known: Mapping[str, str], secret: Collection[str]) -> None:
        super().__init__(known)
        self._names = names
        self._secret = secret

    def __missing__(self, name: str) -> str:
        return HIDDEN if name.startswith("contents.") or name in self._secret else self._names[name]


def _split(rest: str) -> tuple[str, str]:
    first, _, second = rest.partition(".")
    return first, second


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text with each `${…}` replaced by its value."""
    return _REFERENCE.sub(lambda match: match[0][1:] if match[0].startswith("$$") else values[match[1]], text)


def references(text: str, kind: str) -> Iterator[str]:
    """The names of this kind in the text."""
    found = (match[1] for match in _REFERENCE.finditer(text) if not match[0].startswith("$$"))
    return (name for name in found if name.startswith(f"{kind}."))
