"""Whether Keystone can keep its data on the operator's server; queries the server without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem

from . import database, nodes, password, programs

#: The earliest version of each server that Keystone is known to work with.
_EARLIEST = {"mariadb": (10, 11), "mysql": (8, 0), "postgresql": (13, 0)}
#: The message and the hint for each fault of probe.py.
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


#: What `check` has found, by database, until `expiring` uses it.
_found: dict[str, Mapping[str, Any]] = {}
#: By database, whether other nodes use it: one answer for a whole run.
_shared: dict[str, bool] = {}


def check(site: Site) -> list[Problem]:
    """Problems that prevent the operator's server from serving the instance; none if the instance uses another
    database."""
    if database.kind(site) != "external" or list(database.faults(site)):
        return []
    where = database.identity(site)
    facts = _found[where] = look(site)
    if "fault" in facts:
        return [_unusable(site, facts)]
    problems = [Problem(what, where=where, why=why, hint=hint) for what, why, hint in _judge(site, facts)]
    own = database.kept(site) == database.identity(site)
    return [*problems, *(nodes.faults(site, facts["own"], facts["nodes"]) if own and not problems else ())]


def look(site: Site) -> Mapping[str, Any]:
    """The result of the package's probe.py: the facts of the database, of its nodes, and of this node's keys."""
    authority = database.authority(site)
    request = {
        "url": database.connection(site),
        "authority": None if authority is None else authority.decode("ascii", "replace"),
        "keys": site.instance.path("keys"),
    }
    return programs.ask(site, "ksbundle_keystone.probe", request)


def takes_part(site: Site) -> bool:
    """Whether other nodes with the same keys use the database."""
    if database.kind(site) != "external" or database.begun(site):
        return False
    facts = look(site)
    return bool(facts.get("keystone")) and _is_theirs(site, facts)


def is_shared(site: Site) -> bool:
    """Whether other nodes use this node's database. Raises PREFLIGHT if the database cannot be queried."""
    if database.kind(site) != "external" or not nodes.is_node(site):
        return False
    where = database.identity(site)
    if where not in _shared:
        _shared[where] = bool(nodes.others(site, ask(site)["nodes"]))
    return _shared[where]


def _is_theirs(site: Site, facts: Mapping[str, Any]) -> bool:
    rows = nodes.others(site, facts["nodes"])
    return bool(rows) and all(nodes.fits(facts["own"], row["ring"]) for row in rows)


def ask(site: Site) -> Mapping[str, Any]:
    """The facts of `look`. Raises PREFLIGHT if the database cannot be queried."""
    facts = look(site)
    if "fault" in facts:
        raise Failure(Exit.PREFLIGHT, _unusable(site, facts))
    return facts


def holding_up(site: Site) -> list[Problem]:
    """Problems with nodes that delay a rotation of keys. Raises PREFLIGHT if the database cannot be queried."""
    if database.kind(site) != "external":
        return []
    facts = ask(site)
    return [found for judge in (nodes.faults, nodes.expiring) for found in judge(site, facts["own"], facts["nodes"])]


def expiring(site: Site) -> list[Problem]:
    """Problems with nodes that will delay the next rotation; `check` reports a database that cannot be queried. Its
    answer to a `check` just before is used: one that is away takes long to ask."""
    if database.kind(site) != "external" or list(database.faults(site)):
        return []
    facts = _found.pop(database.identity(site), None) or look(site)
    return [] if "fault" in facts else list(nodes.expiring(site, facts["own"], facts["nodes"]))


def _unusable(site: Site, facts: Mapping[str, Any]) -> Problem:
    what, hint = _FAULTS[facts["fault"]]
    return Problem(what, where=database.identity(site), why=facts["why"], hint=hint)


def _judge(site: Site, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What, why and a hint for each problem of a database that can be queried."""
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
    others = [row["name"] for row in nodes.others(site, facts["nodes"])]
    if others and facts["keystone"] and facts["versions"] != facts["heads"]:
        yield (
            "the database's tables are of another version than this release's",
            f"other nodes use them: {', '.join(others)}",
            "use the release of those nodes; or upgrade as docs/nodes.md says: until they are uninstalled and "
            "forgotten, no upgrade changes the tables",
        )


def _judge_content(site: Site, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    tables = facts["tables"]
    if database.kept(site) == database.identity(site):
        if not facts["keystone"]:
            why = f"it has {len(tables)} tables, and Keystone's are not among them"
            yield "the database has lost the instance's data", why, "restore it from a backup of the server"
    elif facts["keystone"] and not database.begun(site):
        if not _is_theirs(site, facts):
            why = "it has Keystone's tables, this instance did not make them, and it lacks the keys of those that did"
            hint = "give an empty database; or, to join them, import their keys first: keys import FILE"
            yield "the database holds the data of another Keystone", why, hint
        elif not password.is_known(site):
            hint = "give --admin-password-file with the password of the other nodes, which is in their admin-password"
            yield "the administrator's password is not known here", "this instance joins those that made it", hint
    elif nodes.joined(site) and database.kept(site) is None:
        why = "the keys are those of other nodes, and no node uses it"
        yield "the database is not that of the other nodes", why, "give --database-url as at those nodes"
    elif tables and not database.begun(site):
        some = ", ".join(tables[:3])
        why = f"it has {len(tables)} tables that are not Keystone's: {some}{', …' if len(tables) > 3 else ''}"
        yield "the database is not empty", why, "give an empty database"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
