"""Rotation of the keys of tokens: a new key is used at intervals, and keys that no valid token needs are removed.

Each kind has a staged key, the next one, which every reader of tokens knows before it makes any. Its age is that of the
last rotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host import clock
from installer.state import files

from . import keys, nodes, running, server, settings

#: The staged key of each kind, and whether an interrupted rotation may have left none.
_STAGED = {"fernet": (f"{keys.FERNET}/0", False), "jws": (f"{keys.JWS_PRIVATE}/next.pem", True)}


def staged(site: Site) -> Mapping[str, str]:
    """By kind of keys, the file whose time is that of the last rotation, relative to the instance."""
    return {kind: _STAGED[kind][0] for kind in keys.kinds(site)}


def maintain(site: Site) -> list[str]:
    """Rotates the keys of tokens if they are due, with Keystone's own code. Tokens stay valid."""
    interval = settings.key_rotation(site)
    due = [kind for kind in keys.kinds(site) if _is_due(site, interval, *_STAGED[kind])]
    if not due or nodes.joined(site):
        return []
    others = server.holding_up(site)
    if others:
        return [f"the token keys are not rotated: {problem.what}" for problem in others]
    rotate(site, interval, due)
    nodes.register(site)
    return ["rotated the token keys"]


def rotate(site: Site, interval: int, kinds: Sequence[str]) -> None:
    """Rotates keys; the caller has checked the other nodes. `interval` is the time between rotations in seconds."""
    running.run_boot(site, "rotate", interval=interval, kinds=kinds)


def _is_due(site: Site, interval: int, staged: str, may_be_missing: bool) -> bool:
    found = files.status(site.instance.path(staged), follow=False)
    if found is None and not may_be_missing:
        hint = "restore the instance's keys from a backup"
        raise Failure(Exit.NEEDS_PERSON, Problem("a key is missing", where=site.instance.path(staged), hint=hint))
    return interval != 0 and (found is None or clock.is_due(found.st_mtime, interval))
