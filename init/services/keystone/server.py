"""Whether Keystone can keep its data on the operator's server, asked of that server without changing anything."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from installer.bundle.api import Site
from installer.errors import Problem
from installer.host.account import service_environment
from installer.kit.command import last_lines

from . import database

#: The earliest version of each server that Keystone is known to work with.
_EARLIEST = {"mariadb": (10, 11), "mysql": (8, 0), "postgresql": (13, 0)}
#: Seconds for all questions.
_PATIENCE = 30.0

#: What each fault of probe.py's is called, and what to do about it.
_FAULTS = {
    "away": (
        "the database's server cannot be reached",
        "start it, open its port to this host, or correct --database-url",
    ),
    "trust": (
        "there is no protected connection to the database's server",
        "give the certificate of its authority with --database-ca, and name the server as its certificate does",
    ),
    "login": (
        "the database's server refuses the account",
        "give its password with --database-password-file, and let it in from this host",
    ),
    "database": (
        "the account has no such database",
        "create it, empty, and give the account all rights in it",
    ),
    "other": ("the database cannot be used", "remove the cause and run the command again"),
}


def check(site: Site) -> list[Problem]:
    """Problems that prevent the operator's server from serving the instance; none if the instance uses another
    database."""
    if database.kind(site) != "external" or list(database.faults(site)):
        return []
    where = database.identity(site)
    try:
        facts = _look(site)
    except subprocess.TimeoutExpired:
        what, hint = _FAULTS["away"]
        return [Problem(what, where=where, why=f"it gave no answer within {_PATIENCE:.0f} s", hint=hint)]
    except (OSError, subprocess.SubprocessError) as error:
        # Why the account cannot run a program of the release is told by others.
        return [Problem("the database cannot be asked", where=where, why=str(error))]
    if "fault" in facts:
        what, hint = _FAULTS[facts["fault"]]
        return [Problem(what, where=where, why=facts["why"], hint=hint)]
    return [Problem(what, where=where, why=why, hint=hint) for what, why, hint in _judge(site, facts)]


def _look(site: Site) -> Mapping[str, Any]:
    """The result of probe.py, run as the service's account.

    Passes the URL through a pipe, because it may contain a password.
    """
    authority = database.authority(site)
    request = {
        "url": database.connection(site),
        "authority": None if authority is None else authority.decode("ascii", "replace"),
    }
    done = subprocess.run(
        [site.release.python, "-I", "-B", "-m", "ksbundle_keystone.probe"],
        # The instance need not be there yet.
        cwd="/",
        env=dict(service_environment(site.release, "/tmp")),  # noqa: S108
        input=json.dumps(request).encode() + b"\n",
        capture_output=True,
        timeout=_PATIENCE,
        preexec_fn=site.account.confine(),
    )
    if done.returncode != 0:
        return {"fault": "other", "why": "; ".join(last_lines(done.stderr)[-1:])}
    facts: Mapping[str, Any] = json.loads(done.stdout)
    return facts


def _judge(site: Site, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What, why and a hint of each thing that is wrong with a database that can be asked."""
    version, earliest = tuple(facts["version"]), _EARLIEST[facts["server"]]
    if version < earliest:
        why = (
            f"it is {facts['server']} {_dotted(version)}; {_dotted(earliest)} is the earliest that Keystone works with"
        )
        yield "the database's server is too old", why, "use a newer one"
    if facts["encoding"] != "UTF8":
        why = f"its encoding is {facts['encoding']}, which cannot hold every name"
        yield "the database cannot hold Keystone's data", why, "create it with the encoding UTF8"
    if not facts["writable"]:
        yield (
            "the database cannot be written",
            "its server is read-only, or a standby",
            "name the server that accepts changes",
        )
    if not facts["creates"]:
        why = "the account may not create tables in it"
        yield (
            "the database cannot be written",
            why,
            "make the account its owner, or GRANT CREATE ON SCHEMA public to it",
        )
    yield from _judge_content(site, facts)


def _judge_content(site: Site, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    tables = facts["tables"]
    if database.kept(site) == database.identity(site):
        if not facts["keystone"]:
            why = f"it has {len(tables)} tables, and Keystone's are not among them"
            yield "the database has lost the instance's data", why, "restore it from a backup of the server's"
    elif facts["keystone"] and not database.begun(site):
        why = "it has Keystone's tables, and this instance did not make them"
        yield "the database holds the data of another Keystone", why, "give an empty database"
    elif tables and not database.begun(site):
        some = ", ".join(tables[:3])
        why = f"it has {len(tables)} tables that are not Keystone's: {some}{', …' if len(tables) > 3 else ''}"
        yield "the database is not empty", why, "give an empty database"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
