"""memcached as a cache of one instance, on a socket that nobody but the service's account can reach: whoever can write
to a cache may be able to make those who read it run code."""

from __future__ import annotations

import os

from ..bundle.api import Site
from ..host.processes import Daemon
from ..state.instance import RUN

NAME = "memcached"
#: Relative to the instance.
SOCKET = f"{RUN}/{NAME}/socket"
#: Connections that it may have, each of which is an open file.
CONNECTIONS = 1024


def daemon(site: Site, megabytes: int) -> Daemon:
    """One that keeps so much."""
    return Daemon(
        name=NAME,
        # The socket's name is relative to where it works, since the path of a socket must fit into 108 bytes.
        argv=[
            site.release.path("bin", NAME),
            *("-s", os.path.basename(SOCKET), "-a", "0700"),
            *("-m", str(megabytes), "-t", "2", "-c", str(CONNECTIONS)),
        ],
        log=site.instance.path("log", f"{NAME}.log"),
        memory=4 * megabytes << 20,
        tasks=64,
    )
