"""Whether the service may listen on its ports, and if not, why."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Sequence

from ..errors import Problem
from . import network
from .network import Listener
from .processes import read_process


def check(listeners: Sequence[Listener], own: Collection[int]) -> Iterator[Problem]:
    """Reports listeners that the kernel refuses. Ports held only by the processes `own` count as free."""
    sockets = network.listening_sockets()
    for listener in listeners:
        shown = f"{listener.host or '*'}:{listener.port}"
        busy = [socket for socket in sockets if socket.listener.overlaps(listener)]
        owners = sorted({pid for socket in busy for pid in network.socket_owners(socket.inode)})
        if owners and set(owners) <= set(own):
            continue
        error = network.try_listen(listener)
        if error is not None:
            yield _refusal(shown, error, owners)


_REASONS = {
    errno.EADDRNOTAVAIL: "it is not an address of this host",
    errno.EAFNOSUPPORT: "this host's kernel has no IPv6",
}


def _refusal(shown: str, error: OSError, owners: Sequence[int]) -> Problem:
    if error.errno == errno.EADDRINUSE:
        names = [f"{process.name} (process {process.pid})" for process in map(read_process, owners) if process]
        return Problem(
            f"port {shown} is in use",
            why=f"by {', '.join(names)}" if names else "by a process this user cannot see",
            hint="stop it, or choose another port",
        )
    if error.errno == errno.EACCES:
        return Problem(
            f"may not listen on port {shown}",
            why="ports below 1024 need root",
            hint="choose a port from 1024 up, or run bootstrap as root",
        )
    return Problem(
        f"cannot listen on {shown}",
        why=_REASONS.get(error.errno or 0, str(error.strerror or error)),
        hint="give the port with an address of this host, or alone to listen on all of them",
    )
