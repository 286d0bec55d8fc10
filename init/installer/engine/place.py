"""Whether an instance is where its files say it is, and belongs to the release that they name."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..errors import Problem
from ..state import files
from ..state.instance import Instance
from ..state.release import CHECKSUMS
from .session import Session


def check(session: Session) -> Iterator[Problem]:
    """Problems that prevent an installed instance from being served from here: it was moved or copied, or its
    release was."""
    recorded = session.installed()
    moved = recorded.instance_path != session.instance.root
    if moved:
        yield _describe_move(session, recorded.instance_path)
    # An instance inside its release moves with it: report one move, not two.
    if not (moved and recorded.instance_path.startswith(f"{recorded.release_path}/")):
        yield from _check_release(session)


def _describe_move(session: Session, former: str) -> Problem:
    instance, original = session.instance, Instance(former)
    copied = original.exists and not os.path.samefile(original.root, instance.root)
    if copied:
        why, hint = f"the original is {former}", f"work on the original. To serve both: {_again(session)}, other ports"
    else:
        why, hint = f"its files name {former}", _again(session)
    return Problem(f"the instance {'is a copy' if copied else 'was moved'}", where=instance.root, why=why, hint=hint)


def _check_release(session: Session) -> Iterator[Problem]:
    recorded, release = session.installed(), session.release
    place = recorded.release_path
    if place == release.root:
        if not release.is_listed:
            hint = "unpack the release again into the same place"
            yield Problem("the release is damaged", where=place, why=f"its {CHECKSUMS} is missing", hint=hint)
        elif recorded.release_id != release.id:
            why = f"the instance was installed by {recorded.bundle} {recorded.version} with other files"
            yield Problem("the release was replaced by another", where=place, why=why, hint=_again(session))
    elif files.is_directory(place):
        bootstrap = os.path.join(place, "init", "bootstrap.sh")
        hint = f"use {bootstrap}; to let this one serve, upgrade or install"
        yield Problem("the instance belongs to another release", where=place, hint=hint)
    else:
        why = f"the instance's files name that place; this release lies in {release.root}"
        yield Problem("the release was moved or removed", where=place, why=why, hint=_again(session))


def _again(session: Session) -> str:
    return f"run {session.command_line('install')}: it renders the files again and keeps data and keys"
