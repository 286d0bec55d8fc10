"""Checks that the service would start: its programs only read their configuration, as its account."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from . import command as programs

#: Seconds without progress after which such a program is killed: on a slow machine, importing an application alone can
#: take a minute.
PATIENCE = 180


def check(
    site: Site,
    daemon: str,
    name: str,
    where: str,
    command: Sequence[str],
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Runs `command` in the daemon's working directory. Raises NEEDS_PERSON, with its output, if it fails.

    `where` is the configuration of the program `name`, relative to the instance; `environment` is added to that of
    every daemon.
    """
    place = os.path.join(site.instance.run, daemon)
    try:
        programs.run(site, command, environment, place=place, patience=PATIENCE)
    except programs.CommandError as error:
        what = f"{name} does not accept its configuration"
        hint = "correct the file, then run the command again"
        problem = Problem(what, where=site.instance.path(where), why=error.why, details=error.details, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, problem) from error
