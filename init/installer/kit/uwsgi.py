"""uWSGI: a router that speaks HTTP with clients, and the processes that run a web application: one for each of them.

Its configuration holds no path but relative ones: in values it would take `%` and `$(` for its own, and it cuts a
path that is not ASCII.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..answers.values import join_host
from ..bundle.api import Directory, Reload, RenderedFile, Site
from ..bundle.render import fill
from ..host import network, processes
from ..host.network import Listener
from ..host.processes import Daemon, Process
from . import access_log, tls, wsgi
from .readiness import Logs
from .wsgi import Application

#: What the master is told through its pipe: end and renew one process after the other.
_RELOAD_IN_TURN = b"c"
#: Seconds until new processes have taken over from the old ones.
GRACE = 60
#: Bytes of a chunk that a client may send at once to an application that streams.
_LONGEST_CHUNK = 64 << 20
#: Bytes that the router reads at once for it. What comes with the head must fit behind it into 64 KiB, or the router
#: closes the connection.
_STREAMED_AT_ONCE = 32 << 10
#: An exception of Python's, or a call to the kernel that failed, such as `mkfifo()`.
_FAULT = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*|[\w()/]*\w\(\): .*)")


@dataclass(frozen=True)
class Uwsgi:
    """See `servers.Server`."""

    site: Site
    application: Application
    name: str = "uwsgi"

    @property
    def applications(self) -> Sequence[Application]:
        return [self.application]

    @property
    def config(self) -> str:
        return f"etc/{self.name}.ini"

    @property
    def logs(self) -> Logs:
        return Logs(f"log/{self.name}-start.log", f"log/{self.name}/error.log", "*** Starting uWSGI", _FAULT)

    def directories(self) -> list[Directory]:
        return [Directory(f"log/{self.name}", 0o750, self.site.account.owner)]

    def rendered(self) -> RenderedFile:
        application = self.application
        values = {
            "access_log_format": access_log.uwsgi_format(self.site),
            "bodies": "\n".join(_bodies(application)),
            "listen": "\n".join(_listen(self.site, listener) for listener in application.listeners),
            "name": self.name,
            "preload": f"shared-import = {application.preload}" if application.preload else "# Nothing is loaded.",
            "processes": str(application.processes),
            "router_buffer": str(_STREAMED_AT_ONCE if application.streams else 65535),
            "script": application.script_path,
            "stats": _stats(application),
            "threads": str(application.threads),
        }
        content = fill(__file__, "uwsgi.ini", values)
        return RenderedFile(self.config, content.encode(), 0o640, self.site.account.readable)

    def daemon(self) -> Daemon:
        return Daemon(
            name=self.name,
            argv=self._command(),
            log=self.site.instance.path(self.logs.starting),
            network=True,
            low_ports=wsgi.has_low_ports(self.applications),
            files=[self.config, *wsgi.read_files(self.applications), tls.CERTIFICATE, tls.KEY],
            logs=[self.logs.serving, f"log/{self.name}/access.log", *wsgi.logs(self.applications)],
            memory=wsgi.memory(self.applications),
            tasks=wsgi.tasks(self.applications),
        )

    def _command(self) -> list[str]:
        return [self.site.release.path("bin", "uwsgi"), "--ini", f"../../{self.config}"]

    def check_command(self) -> list[str]:
        """uWSGI reads its files before it prints its version, and ends at what it does not know. It looks at no
        value."""
        return [*self._command(), "--version"]

    def reloading(self, process: Process, changed: Collection[str]) -> Reload | None:
        """A port that is in the way of a former one needs a new start."""
        held = network.sockets_of(process.pid)
        blocked = any(new.overlaps(old) and new != old for new in self.application.listeners for old in held)
        return None if blocked else partial(self._reload, process, changed)

    def _reload(self, process: Process, changed: Collection[str]) -> bool:
        """The application's files are taken by one process after the other, and no request is lost. uWSGI's own, and
        the certificate, need a new router: requests under way are cut, new ones wait."""
        former = processes.find_workers(process)
        if {self.config, tls.CERTIFICATE, tls.KEY} & set(changed):
            processes.send(process, signal.SIGHUP)
        else:
            # Neither the router nor the processes that uWSGI forks for itself read the application's files.
            former = [worker for worker in former if _is_worker(worker)]
            pipe = self.site.instance.path("run", self.name, "control")
            self.site.account.run(_tell_master, pipe, _RELOAD_IN_TURN)
        return processes.wait_until(lambda: not any(map(processes.is_alive, former)), GRACE)


def _bodies(application: Application) -> Iterator[str]:
    """What the router does with bodies, and seconds after which a process that still works on a request is ended."""
    if application.streams:
        yield "http-chunked-input = true"
        yield f"chunked-input-limit = {_LONGEST_CHUNK}"
        return
    yield f"http-hold = {application.body_limit}"
    if application.errors == "html":
        yield "http-hold-html = true"
    yield "harakiri = 120"


def _listen(site: Site, listener: Listener) -> str:
    if listener.host:
        return _router(site, f"{join_host(listener.host)}:{listener.port}")
    # Decided when it starts, by the host's kernel: an IPv6 socket takes IPv4 too.
    return "\n".join(
        [
            "if-exists = /proc/net/if_inet6",
            _router(site, f"[::]:{listener.port}"),
            "endif =",
            "if-not-exists = /proc/net/if_inet6",
            _router(site, f"0.0.0.0:{listener.port}"),
            "endif =",
        ]
    )


def _router(site: Site, address: str) -> str:
    if not tls.has_tls(site):
        return f"http = {address}"
    return f"https2 = addr={address},cert=../../{tls.CERTIFICATE},key=../../{tls.KEY},ciphers={tls.CIPHERS}"


def _stats(application: Application) -> str:
    if not application.stats:
        return "# Nobody is told what it does."
    directory = f"../../{application.stats}"
    # Without its cores, which tell the requests' headers.
    return (
        f"stats = {directory}/processes\nstats-minified = true\nstats-no-cores = true\nhttp-stats = {directory}/clients"
    )


def _is_worker(process: Process) -> bool:
    """uWSGI tells its kinds of processes apart by their titles; see `auto-procname` in its template."""
    try:
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            return file.read().startswith(b"uWSGI worker")
    except OSError:
        return False


def _tell_master(pipe: str, letter: bytes) -> None:
    """Tells the master what to do. Runs as the service's account, which may have put something else in its place."""
    descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.write(descriptor, letter)
    finally:
        os.close(descriptor)
