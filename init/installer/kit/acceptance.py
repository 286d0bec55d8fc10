"""Whether the service would start: its programs read their configuration, as its account, and do nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from . import command as programs

#: Seconds without progress after which a program that reads its configuration is ended: on a slow machine the import of
#: an application alone can take a minute.
PATIENCE = 180


def check(
    site: Site,
    daemon: str,
    name: str,
    where: str,
    command: Sequence[str],
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Runs `command` where the daemon works. Raises NEEDS_PERSON, with what it says, if it fails.

    `where` is the configuration of the program `name`, relative to the instance; `environment` is what the daemon's has
    beyond that of every daemon.
    """
    place = os.path.join(site.instance.run, daemon)
    try:
        programs.run(site, command, environment, place=place, patience=PATIENCE)
    except programs.CommandError as error:
        what = f"{name} does not accept its configuration"
        hint = "correct the file, then run the command again"
        problem = Problem(what, where=site.instance.path(where), why=error.why, details=error.details, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, problem) from error
