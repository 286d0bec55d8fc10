"""Web applications of an instance: what a server needs to know to run one, and the files that each needs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..bundle.api import RenderedFile, Site
from ..bundle.render import fill
from ..errors import Problem
from ..host.network import Listener
from . import addresses, tls
from .proofs import Request

#: Patterns that paths must not contain if there are web applications, as no quoting helps, and why. See PYTHONHOME in
#: Python's documentation.
_VARIABLE = {r"\$\{": "httpd's configuration would treat it as a variable"}
_UNUSABLE_IN_RELEASE = {**_VARIABLE, ":": "the path of Python's own library would end at it"}

#: Limits of a server, besides its applications: bytes of memory, and processes and threads.
_SERVER_MEMORY = 1 << 30
_SERVER_TASKS = 4096
#: Limit of threads of an application's process: ten times the measured number.
_PROCESS_TASKS = 64
#: Clients that a process of an application with bodies of any length serves at the same time.
_STREAMS = 16


@dataclass(frozen=True)
class Application:
    """A WSGI application. It has either an `application` or a `script`. Paths are relative to the instance."""

    #: Its service.
    name: str
    listeners: Sequence[Listener]
    #: Its URL for clients: scheme, host and maybe a port; a path is ignored.
    url: str
    #: `module:callable`, for which a WSGI script is rendered.
    application: str = ""
    #: The service's own WSGI script, which must do all that the rendered one would.
    script: str = ""
    #: What the rendered script adds to the environment of its process.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Module that uWSGI imports before it forks, so that processes share its memory.
    preload: str = ""
    processes: int = 2
    #: Limit of a process's memory in bytes.
    process_memory: int = 256 << 20
    #: Limit of a request's body in bytes; 0 for none: see `streams`.
    body_limit: int = 1 << 20
    #: The format of the server's own errors: "json" or "html".
    errors: str = "html"
    #: Files that each of its processes reads when it starts, besides the script.
    files: Sequence[str] = ()
    #: Logs that it writes itself.
    logs: Sequence[str] = ()
    #: File with further directives for its virtual host, if httpd runs it.
    directives: str = ""
    #: File with the names by which clients may call it; see modules/ksbundle_door.py.
    names: str = ""
    #: Directory where uWSGI tells what it does, at the sockets `processes` and `clients`, as JSON. With it, httpd tells
    #: the application, by `mod_wsgi.server_metrics`.
    stats: str = ""
    #: Response header that identifies a request in the access log.
    request_id: str = "X-Request-Id"
    #: The request that shows that it is up.
    ready: Request = field(default_factory=Request)

    @property
    def streams(self) -> bool:
        """Whether bodies and answers of any length pass as they come: the server holds none of them, and the
        application waits for its clients, each in a thread."""
        return self.body_limit == 0

    @property
    def threads(self) -> int:
        """Threads of each of its processes."""
        return _STREAMS if self.streams else 1

    @property
    def script_path(self) -> str:
        return self.script or f"etc/{self.name}.wsgi"

    @property
    def names_path(self) -> str:
        return self.names or names_path(self.name)


def names_path(name: str) -> str:
    """The default names file of an application."""
    return f"etc/{name}-names.json"


def processes(site: Site) -> int:
    """The number of processes: they outperform threads, but more than the processors only cost memory."""
    given = site.value("processes")
    return int(given) if given is not None else max(2, min(8, len(os.sched_getaffinity(0))))


def _hsts(site: Site) -> int:
    """Seconds for which browsers must use only TLS; 0 for never, and if the service does not use TLS."""
    return int(site.values("hsts")[0]) if tls.has_tls(site) else 0


def memory(applications: Sequence[Application]) -> int:
    """The memory limit of their server in bytes: during a reload there are twice as many processes."""
    return 2 * sum(each.processes * each.process_memory for each in applications) + _SERVER_MEMORY


def tasks(applications: Sequence[Application]) -> int:
    """The limit of processes and threads of their server."""
    return 2 * sum(each.processes for each in applications) * _PROCESS_TASKS + _SERVER_TASKS


def has_low_ports(applications: Sequence[Application]) -> bool:
    """Whether there is a port below 1024, which requires a capability."""
    return any(listener.is_low for each in applications for listener in each.listeners)


def read_files(applications: Sequence[Application]) -> list[str]:
    """Files that the applications' processes read when they start."""
    return [path for each in applications for path in (*each.files, each.script_path)]


def logs(applications: Sequence[Application]) -> list[str]:
    """Logs that applications write themselves."""
    return [path for each in applications for path in each.logs]


def check_paths(site: Site) -> Iterator[Problem]:
    """Problems with the paths of release and instance for servers and applications."""
    yield from check_path("release", site.release.root, _UNUSABLE_IN_RELEASE)
    yield from check_path("instance", site.instance.root, _VARIABLE)


def check_path(what: str, path: str, unusable: Mapping[str, str]) -> Iterator[Problem]:
    """Checks a path against the `unusable` patterns, each with the reason."""
    hint = "move the release" if what == "release" else "choose another place with --instance"
    for pattern, why in unusable.items():
        found = re.search(pattern, path)
        if found:
            yield Problem(f"the {what}'s path contains {found[0]}", where=path, why=why, hint=hint)


def rendered_files(site: Site, applications: Sequence[Application]) -> Iterator[RenderedFile]:
    """The files that applications read under either server."""
    for each in applications:
        if each.application:
            yield _readable(site, each.script_path, _script(site, each))
        yield _readable(site, each.names_path, _names(site, each))


def _readable(site: Site, path: str, text: str) -> RenderedFile:
    return RenderedFile(path, text.encode(), 0o640, site.account.readable)


def _script(site: Site, application: Application) -> str:
    module, _, name = application.application.partition(":")
    values = {
        "callable": name or "application",
        "environment": repr(dict(application.environment)),
        "module": module,
        **door_values(site, application.names_path, application.request_id),
    }
    return fill(__file__, "application.wsgi", values)


def door_values(site: Site, names: str, request_id: str) -> dict[str, str]:
    """Values for the template of a WSGI script that guards its application with modules/ksbundle_door.py: `names` is
    the names file, relative to the instance, and `request_id` the response header that identifies a request."""
    return {
        "hsts": str(_hsts(site)),
        "modules": site.release.path("init", "installer", "kit", "modules"),
        "names": site.instance.path(names),
        "proxies": repr(addresses.proxies(site)),
        "request_id": request_id,
    }


def _names(site: Site, application: Application) -> str:
    """The names file: read again when it changes, so that another address needs no restart."""
    parts = urlsplit(application.url)
    standard = 443 if parts.scheme == "https" else 80
    names = {
        "url": application.url,
        "names": sorted({parts.hostname or "", addresses.host(site), "localhost"}),
        "ports": sorted({parts.port or standard, *(listener.port for listener in application.listeners)}),
    }
    return f"{json.dumps(names, indent=2)}\n"
