"""boot.py, run as the service's account: Keystone's own code works on the instance's data."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from installer.bundle.api import Site
from installer.errors import Failure
from installer.host.account import service_environment
from installer.kit import command

from . import configuration, database, settings

#: Seconds without progress after which boot.py is ended.
PATIENCE = 18.0


def run_boot(site: Site, action: str, **facts: Any) -> bytes:
    """Has boot.py act, and returns what it printed when it is done."""
    with loading_boot(site, action) as act:
        return act(**facts)


class Act(Protocol):
    def __call__(self, **facts: Any) -> bytes: ...


@contextmanager
def loading_boot(site: Site, action: str) -> Iterator[Act]:
    """Starts boot.py as the service's account: it loads Keystone and its configuration, and waits. What is yielded has
    it act, and returns what it printed when it is done. Without that it changes nothing.

    What it is told goes through a pipe: it holds the password.
    """
    request = {
        "action": action,
        "config": site.instance.path(settings.CONFIG),
        "config_directory": site.instance.path(configuration.CONFIG_DIRECTORY),
        "file": site.instance.path(database.SQLITE) if database.kind(site) == "sqlite" else None,
        "public_url": settings.public_url(site),
        "region": settings.region(site),
    }
    child = subprocess.Popen(
        [site.release.python, "-I", "-B", site.release.path("init", "services", "keystone", "boot.py")],
        cwd=site.instance.run,
        env=dict(service_environment(site.release, site.instance.temporary)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        umask=0o027,
        preexec_fn=site.account.confine(),
    )
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise AssertionError("Popen was asked for pipes")

    def tell(facts: Mapping[str, Any]) -> None:
        # If it has ended already, its exit status says more.
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(facts).encode() + b"\n")

    def act(**facts: Any) -> bytes:
        with database.reachable(site):
            tell(facts)
            try:
                output = command.listen(child.pid, stdout, PATIENCE)
            except command.CommandError as error:
                raise _failed(site, action, error.why, error.details) from error
        if child.wait() != 0:
            raise _failed(site, action, f"boot.py ended with {child.returncode}", command.last_lines(output))
        return output

    try:
        # The pipe stays open until the child has ended: that is how the child knows that the installer lives.
        tell(request)
        yield act
    finally:
        child.kill()
        child.wait()


def _failed(site: Site, action: str, why: str, details: Sequence[str]) -> Failure:
    return command.failed(site, f"Keystone could not {action} the instance's data", why, details)
