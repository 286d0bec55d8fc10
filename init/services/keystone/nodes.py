"""Several nodes on one database. They need the same keys, or one refuses the tokens of the other.

Each node records the digests of its keys in the database. So the others know whether their keys match, and a new key
makes tokens only when all nodes have it.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.state import files

from . import database, programs

#: Identifies the node on the database, and tells whether it joined others or made the database.
MARK = "data/keystone.node"
_PROGRAM = "ksbundle_keystone.nodes"

Ring = Mapping[str, Sequence[str]]
#: A row of the database: `id`, `name`, `ring`.
Node = Mapping[str, Any]


def may_share(site: Site) -> bool:
    """Whether the instance's database is one that other nodes can use."""
    return database.kind(site) == "external"


def is_node(site: Site) -> bool:
    """Whether the instance has been registered, or is about to be."""
    return bool(_mark(site))


def joined(site: Site) -> bool:
    """Whether the keys come from an existing node."""
    return _mark(site).endswith(" joined")


def join(site: Site) -> None:
    """Marks that keys of another node are about to be imported."""
    if not joined(site):
        site.account.run(_write, site.instance.path(MARK), f"{secrets.token_hex(16)} joined")


def check_joining(site: Site) -> list[Problem]:
    """Reports an instance with keys of other nodes but another database: those nodes know its keys."""
    if not joined(site) or database.kept(site) is not None or may_share(site):
        return []
    hint = f"give --database-url as at those nodes; or remove what is in {site.instance.path('keys')} and the file"
    return [
        Problem("the keys are those of other nodes, the database is not", where=site.instance.path(MARK), hint=hint)
    ]


def register(site: Site) -> None:
    """Records in the database which keys this node has."""
    if not may_share(site):
        return
    if not _mark(site):
        site.account.run(_write, site.instance.path(MARK), f"{secrets.token_hex(16)} first")
    facts = {"id": _identifier(site), "name": name(site), "keys": site.instance.path("keys")}
    ask(site, "register", url=database.connection(site), **facts)


def name(site: Site) -> str:
    """The node's name for operators."""
    return f"{socket.gethostname()}:{site.instance.root}"[:255]


def forget(site: Site, node: str) -> None:
    """Lets rotations go on without a removed node."""
    if not ask(site, "forget", url=database.connection(site), name=node)["forgotten"]:
        hint = "run status; it names the nodes that delay a rotation"
        raise Failure(Exit.PREFLIGHT, Problem(f"no node {node} uses the database", hint=hint))


def others(site: Site, rows: Sequence[Node]) -> list[Node]:
    return [row for row in rows if row["id"] != _identifier(site)]


def fits(own: Ring, other: Ring) -> bool:
    """Whether two nodes can read each other's tokens and encrypted credentials."""
    return (
        own["credential"] == other["credential"]
        and {*own["making"]} <= {*other["known"]}
        and {*other["making"]} <= {*own["known"]}
    )


def faults(site: Site, own: Ring, rows: Sequence[Node]) -> Iterator[Problem]:
    """Reports nodes that have other keys than this one."""
    for row in others(site, rows):
        if not fits(own, row["ring"]):
            yield Problem(
                f"the node {row['name']} has other keys than this one",
                where=site.instance.path("keys"),
                why="tokens of one are refused at the other",
                hint=_hint(site, row["name"]),
            )


def lagging(site: Site, own: Ring, rows: Sequence[Node]) -> list[str]:
    """The nodes that do not have this node's next keys yet."""
    return [row["name"] for row in others(site, rows) if not {*own["staged"]} <= {*row["ring"]["known"]}]


def expiring(site: Site, own: Ring, rows: Sequence[Node]) -> Iterator[Problem]:
    for node in lagging(site, own, rows):
        yield Problem(
            f"the node {node} has not imported the next keys yet",
            where=site.instance.path("keys"),
            why="until then the keys are not rotated",
            hint=_hint(site, node),
        )


def _hint(site: Site, node: str) -> str:
    export = site.command_line("keys", "export", "FILE", "--recipient", "CERTIFICATE")
    forget_it = site.command_line("keys", "forget", node)
    return f"run {export} where keys are rotated, and keys import there; if that node was removed, run {forget_it}"


def ask(site: Site, action: str, **facts: Any) -> Mapping[str, Any]:
    """The answer of the package's nodes.py. Raises PREFLIGHT if the action fails."""
    answer = programs.ask(site, _PROGRAM, {"action": action, **facts})
    if "fault" in answer:
        what = f"cannot {action} the keys"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=site.instance.path("keys"), why=answer["why"]))
    return answer


def _mark(site: Site) -> str:
    return (files.read(site.instance.path(MARK)) or b"").decode("ascii", "replace").strip()


def _identifier(site: Site) -> str:
    return _mark(site).partition(" ")[0]


def _write(path: str, text: str) -> None:
    """Runs as the service's account."""
    files.write_atomically(path, f"{text}\n".encode(), 0o600)
