"""Another release of the bundle, used through its files and its command line: none of its code is loaded here."""

from __future__ import annotations

import os
import subprocess

from .. import report
from ..answers.answers import PREFIX
from ..errors import Exit, Failure, Problem
from . import files, receipt, trees
from .instance import Instance
from .release import Release

_BOOTSTRAP = ("init", "bootstrap.sh")


def command_line(release: Release, command: str, instance: Instance) -> list[str]:
    return [release.path(*_BOOTSTRAP), command, "--instance", instance.root]


def run(release: Release, command: str, instance: Instance) -> None:
    """Runs a command of the release that the instance's receipt names. Raises INTEGRITY if the release is another one,
    or if root would run files that another user can change; PREFLIGHT if the service's account left a link or pipe
    there; and, with the command's last lines, LOCKED if another bootstrap is at work there, or NEEDS_PERSON if it fails
    otherwise.

    The command takes the instance's lock, so the lock must be free.
    """
    _check_rights(release, instance)
    _check_identity(release, instance)
    check_left(instance)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    result = subprocess.run(
        ["/bin/sh", *command_line(release, command, instance)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = result.stdout.decode("utf-8", "replace").splitlines()
    if result.returncode != 0:
        raise Failure(
            Exit.LOCKED if result.returncode == Exit.LOCKED else Exit.NEEDS_PERSON,
            Problem(
                f"the {command} of the former release failed",
                where=release.root,
                why=f"it ended with {result.returncode}",
                details=lines[-12:],
            ),
        )
    for line in lines:
        report.note(f"  | {line}")


def _check_rights(release: Release, instance: Instance) -> None:
    if os.geteuid() == 0:
        release.check_rights(instance.root)


def _check_identity(release: Release, instance: Instance) -> None:
    """Checks the id and the script, which cannot check itself: it compares the rest with the checksums, whose digest is
    the id."""
    recorded = receipt.read(instance.receipt)
    wanted = recorded.release_id if recorded is not None else ""
    if release.is_listed and release.id == wanted:
        script = release.checksums.get("/".join(_BOOTSTRAP))
        if files.digest_file(release.path(*_BOOTSTRAP)) == script:
            return
        why = "its bootstrap.sh was changed"
    else:
        why = "its files are not those that the instance was installed from"
    raise Failure(
        Exit.INTEGRITY,
        Problem(
            "that is not the release of the instance",
            where=release.root,
            why=why,
            hint="unpack the tarball of that release there, into an empty directory",
        ),
    )


def check_left(instance: Instance) -> None:
    """Raises PREFLIGHT for links and pipes that the service's account may have planted: another release's code may
    follow them, this one's does not. Sockets and pipes in `run` belong to the daemons."""
    if os.geteuid() != 0:
        return
    own = f"{instance.run}/"
    found = trees.planted(instance.root)
    planted = [entry for entry in found if not (entry.is_special and entry.at.path.startswith(own))]
    trees.refuse(
        planted, Exit.PREFLIGHT, "the former release, which runs as root, might follow a link or wait for a pipe"
    )


def check(release: Release, name: str, instance: Instance) -> None:
    """Raises PREFLIGHT if that directory is not a release of the bundle `name`, INTEGRITY if it is damaged, or if root
    would run files that another user can change. `instance` may be inside it."""
    hint = "name the directory that the release was unpacked to"
    try:
        found = release.bundle["name"]
    except (OSError, ValueError, KeyError) as error:
        why = "it has no readable init/bundle.json"
        problem = Problem("there is no release", where=release.root, why=why, hint=hint)
        raise Failure(Exit.PREFLIGHT, problem) from error
    if found != name:
        problem = Problem(f"that is a release of {found}, not {name}", where=release.root, hint=hint)
        raise Failure(Exit.PREFLIGHT, problem)
    _check_rights(release, instance)
    damaged = sorted(release.changed(release.checksums))
    if damaged:
        raise Failure(
            Exit.INTEGRITY,
            Problem(
                "the release is not as it was packed, and could not serve again",
                where=release.root,
                details=damaged[:20],
                hint="unpack its tarball over it; that does not touch the instance",
            ),
        )
