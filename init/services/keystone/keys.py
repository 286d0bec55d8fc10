"""The keys of tokens and credentials: their directories, which of them an instance needs, and their problems."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.bundle.api import Site
from installer.errors import Problem
from installer.state import files

from . import settings

FERNET, CREDENTIAL = "keys/fernet", "keys/credential"
JWS_PUBLIC, JWS_PRIVATE = "keys/jws-public", "keys/jws-private"


@dataclass(frozen=True)
class Repository:
    """A directory of keys. Keystone writes with the `first` key; without it, or with fewer than `least`, the directory
    is incomplete."""

    path: str
    first: str | None
    least: int

    def is_complete(self, sizes: Mapping[str, int]) -> bool:
        """Whether these are its keys: by name, their sizes in bytes."""
        has_first = self.first is None or self.first in sizes
        return has_first and len(sizes) >= self.least and all(sizes.values())


#: The directories that all nodes share.
SHARED = (FERNET, CREDENTIAL, JWS_PUBLIC, JWS_PRIVATE)
#: Those that every instance needs.
REPOSITORIES = (Repository(FERNET, "0", 2), Repository(CREDENTIAL, "0", 2))
_JWS = (Repository(JWS_PUBLIC, None, 1), Repository(JWS_PRIVATE, "private.pem", 1))
#: What an interrupted rotation leaves begins with "new".
_KEY = re.compile(r"\d+|(?!new)\w+\.pem")


def is_key(name: str) -> bool:
    """Whether a file of such a directory is a key, by its name."""
    return _KEY.fullmatch(name) is not None


def kinds(site: Site) -> Sequence[str]:
    """The kinds of keys of tokens that are rotated."""
    return ["fernet", "jws"] if provider(site) == "jws" else ["fernet"]


def provider(site: Site) -> str:
    """The kind of tokens that the answers ask for."""
    return site.values("token-provider")[0]


def repositories(site: Site) -> Sequence[Repository]:
    """The directories that the instance needs: always Fernet's keys, as receipts of multi-step logins use them."""
    return [*REPOSITORIES, *_JWS] if provider(site) == "jws" else REPOSITORIES


def missing(site: Site) -> list[str]:
    """Directories, relative to the instance, that are still missing."""
    wanted = (repository.path for repository in repositories(site))
    return [path for path in wanted if not files.exists(site.instance.path(path))]


def signing_missing(site: Site) -> bool:
    """Whether the keys that sign tokens are still missing."""
    return any(path in (JWS_PUBLIC, JWS_PRIVATE) for path in missing(site))


def warn(site: Site) -> Iterator[Problem]:
    """Warns that a change of the provider makes existing tokens invalid."""
    config = files.read(site.instance.path(settings.CONFIG)) or b""
    former = re.search(rb"^provider = (\w+)$", config, re.MULTILINE)
    if former and former[1].decode() != provider(site):
        yield Problem(
            "tokens that were issued until now become invalid",
            why=f"--token-provider changes from {former[1].decode()} to {provider(site)}, which does not read them",
            hint="clients ask for new ones; some tokens are still accepted from the cache, for ten minutes at most",
        )


def check(site: Site) -> Iterator[Problem]:
    """Problems with the keys: Keystone reports success even if it could write none, and ignores empty ones."""
    hint = "restore the instance's keys from a backup; credentials stored in the database need theirs"
    for repository in repositories(site):
        where = site.instance.path(repository.path)
        try:
            facts = site.account.run(_look, where)
        except OSError as error:
            yield Problem("keys cannot be read", where=where, why=error.strerror or "", hint=hint)
            continue
        keys = facts["keys"]
        if not repository.is_complete({name: key["size"] for name, key in keys.items()}):
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


def _look(repository: str) -> Mapping[str, Any]:
    """Facts of a directory of keys and of each key. Runs as the service's account."""
    found = {name: os.lstat(os.path.join(repository, name)) for name in os.listdir(repository) if _KEY.fullmatch(name)}
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
