"""Web applications of an instance: what a server has to know of one to run it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..bundle.api import Site
from ..host.network import Listener
from . import tls


@dataclass(frozen=True)
class Application:
    """A WSGI application. It has either an `application` or a `script`. Paths are relative to the instance."""

    #: Its service.
    name: str
    listeners: Sequence[Listener]
    #: Where clients find it: scheme, host and maybe a port.
    url: str
    #: `module:callable`, for which a WSGI script is rendered.
    application: str = ""
    #: A WSGI script of the service's own. It does all that the rendered one would do.
    script: str = ""
    #: What the rendered script adds to the environment of its process.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Module that uWSGI imports before processes part, so that they share what it loads.
    preload: str = ""
    processes: int = 2
    #: Bytes of memory that a process may come to.
    process_memory: int = 256 << 20
    #: Bytes of the longest body of a request.
    body_limit: int = 1 << 20
    #: How the server's own errors look: "json" or "html".
    errors: str = "html"
    #: What each of its processes reads when it starts, besides the script.
    files: Sequence[str] = ()
    #: Logs of its own making.
    logs: Sequence[str] = ()

    @property
    def script_path(self) -> str:
        return self.script or f"etc/{self.name}.wsgi"


def processes(site: Site) -> int:
    """Processes beat threads, and beyond the number of processors they only cost memory."""
    given = site.value("processes")
    return int(given) if given is not None else max(2, min(8, len(os.sched_getaffinity(0))))


def hsts(site: Site) -> int:
    """Seconds for which browsers are told to use TLS alone; 0 for never, and where the service does not speak it."""
    return int(site.values("hsts")[0]) if tls.has_tls(site) else 0
