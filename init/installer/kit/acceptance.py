"""Whether the service would start: its programs read their configuration, as its account, and do nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from ..host import processes
from ..host.account import service_environment

#: Seconds in which a program reads its configuration: on a slow machine the import of an application alone can take
#: a minute.
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
        result = subprocess.run(
            command,
            env={**service_environment(site.release, site.instance.temporary), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            preexec_fn=processes.entering(site.account.confine(), place),
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(site, name, where, f"it was not read within {PATIENCE} s", []) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise _refused(site, name, where, f"it cannot be run in {place}", []) from error
    if result.returncode != 0:
        details = (result.stderr or result.stdout).splitlines()[-8:]
        raise _refused(site, name, where, f"{os.path.basename(command[0])} ended with {result.returncode}", details)


def _refused(site: Site, name: str, where: str, why: str, details: Sequence[str]) -> Failure:
    what = f"{name} does not accept its configuration"
    hint = "correct the file, then run the command again"
    return Failure(
        Exit.NEEDS_PERSON, Problem(what, where=site.instance.path(where), why=why, details=details, hint=hint)
    )
