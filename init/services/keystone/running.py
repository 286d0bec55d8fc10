"""Runs boot.py as the service's account: Keystone's own code works on the instance's data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from installer.bundle.api import Site
from installer.kit import command

from . import configuration, database, settings

#: Seconds without progress after which boot.py is killed.
PATIENCE = 18.0


def run_boot(site: Site, action: str, **facts: Any) -> bytes:
    """Runs an action of boot.py and returns its output."""
    with loading_boot(site, action) as act:
        return act(**facts)


class Act(Protocol):
    def __call__(self, **facts: Any) -> bytes: ...


@contextmanager
def loading_boot(site: Site, action: str) -> Iterator[Act]:
    """Starts boot.py as the service's account: it loads Keystone and its configuration, and waits. The yielded function
    runs the action and returns the output; without a call nothing is changed.

    The request goes through a pipe, as it contains the password.
    """
    request = {
        "action": action,
        "config": site.instance.path(settings.CONFIG),
        "config_directory": site.instance.path(configuration.CONFIG_DIRECTORY),
        "file": site.instance.path(database.SQLITE) if database.kind(site) == "sqlite" else None,
        "public_url": settings.public_url(site),
        "region": settings.region(site),
    }
    argv = [site.release.python, "-I", "-B", site.release.path("init", "services", "keystone", "boot.py")]
    try:
        with command.started(site, argv, place=site.instance.run) as child:
            # The pipe stays open until the child has ended: by that the child knows that the installer lives.
            child.tell(_line(request))

            def act(**facts: Any) -> bytes:
                with database.reachable(site, copy=action == "upgrade"):
                    child.tell(_line(facts))
                    return child.finish(PATIENCE)

            yield act
    except command.CommandError as error:
        what = f"Keystone could not {action} the instance's data"
        raise command.failed(site, what, error.why, error.details) from error


def _line(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts).encode() + b"\n"
