"""The keys of an instance as a unit that other nodes of its database can import; see nodes.py."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.state import files

from . import database, keys, nodes, rotation, server, settings


@dataclass(frozen=True)
class KeystoneKeys:
    """See `SharedKeys`."""

    site: Site

    def seal(self, certificate: bytes) -> bytes:
        problems = list(keys.check(self.site))
        if problems:
            raise Failure(Exit.PREFLIGHT, *problems)
        facts = {"keys": self.site.instance.path("keys"), "certificate": certificate.decode("ascii", "replace")}
        return base64.b64decode(nodes.ask(self.site, "seal", **facts)["content"])

    def open(self, content: bytes, recipient: bytes) -> None:
        site = self.site
        text = base64.b64encode(content).decode()
        opened = nodes.ask(site, "open", content=text, recipient=recipient.decode("ascii", "replace"))
        _check_complete(opened["files"])
        kept = database.kept(site)
        if kept is not None:
            self._check(opened["ring"], kept)
        else:
            nodes.join(site)
        site.account.run(_write_keys, site.instance.path("keys"), opened["files"])
        if kept is not None:
            nodes.register(site)

    def _check(self, ring: nodes.Ring, kept: str) -> None:
        """Raises PREFLIGHT unless the keys are those of another node on the same database."""
        site = self.site
        if not nodes.may_share(site):
            why = f"its database is {kept}, which no other node uses"
            raise Failure(Exit.PREFLIGHT, Problem("the instance cannot import the keys of another", why=why))
        rows = server.ask(site)["nodes"]
        if not any(row["ring"] == ring for row in nodes.others(site, rows)):
            raise Failure(
                Exit.PREFLIGHT,
                Problem(
                    "the file does not have the present keys of another node on the database",
                    where=kept,
                    why="it is older than the last rotation, or from another Keystone",
                    hint="export the keys again",
                ),
            )

    def digest(self) -> str | None:
        site = self.site
        return None if list(keys.check(site)) else site.account.run(_digest, site.instance.path("keys"))

    def rotate(self) -> str:
        site = self.site
        others = server.holding_up(site)
        if others:
            raise Failure(Exit.PREFLIGHT, *others)
        rotation.rotate(site, settings.key_rotation(site) or 86400, keys.kinds(site))
        nodes.register(site)
        return "rotated the token keys"

    def forget(self, node: str) -> None:
        nodes.forget(self.site, node)


def _check_complete(content: Mapping[str, str]) -> None:
    """Raises PREFLIGHT unless there are Keystone's least keys, none of them empty."""
    for repository in keys.REPOSITORIES:
        prefix = f"{os.path.basename(repository.path)}/"
        own = {name: len(key) for name, key in content.items() if name.startswith(prefix)}
        if not repository.is_complete({name.removeprefix(prefix): size for name, size in own.items()}):
            problem = Problem(
                "the file has no complete set of keys",
                why=f"of {repository.path} it has: {', '.join(sorted(own)) or 'nothing'}",
                hint="export the keys on a node whose status names no problem; the keys here are unchanged",
            )
            raise Failure(Exit.PREFLIGHT, problem)


def _digest(keys_directory: str) -> str:
    """Runs as the service's account."""
    listed = hashlib.sha256(b"ksbundle keys\0")
    for directory in map(os.path.basename, keys.SHARED):
        place = os.path.join(keys_directory, directory)
        for key in sorted(filter(keys.is_key, files.names(place) if files.is_directory(place) else ())):
            content = hashlib.sha256(files.read(os.path.join(place, key)) or b"")
            listed.update(f"{directory}/{key} {content.hexdigest()}\n".encode())
    return listed.hexdigest()


def _write_keys(keys_directory: str, content: Mapping[str, str]) -> None:
    """Updates the directories of keys while Keystone reads them: first keys that read tokens, then those that make
    them; unneeded ones are removed last. Runs as the service's account."""
    for entry in content:
        directory, _, key = entry.partition("/")
        if f"keys/{directory}" not in keys.SHARED or not keys.is_key(key):
            what = "the file contains something other than keys"
            raise Failure(Exit.PREFLIGHT, Problem(what, why=f"{entry!r} is not a key", hint="export the keys again"))
    last = ("fernet/0", "jws-private/private.pem", "jws-private/next.pem")
    for entry in sorted(content, key=lambda entry: (entry in last, entry)):
        path, made = os.path.join(keys_directory, entry), base64.b64decode(content[entry])
        files.ensure_directory(os.path.dirname(path), 0o700)
        if files.read(path) != made:
            files.write_atomically(path, made, 0o600)
    for shared in keys.SHARED:
        directory = os.path.basename(shared)
        place = os.path.join(keys_directory, directory)
        for key in files.names(place) if files.is_directory(place) else ():
            if keys.is_key(key) and f"{directory}/{key}" not in content:
                files.remove(os.path.join(place, key))
