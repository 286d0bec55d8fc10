"""Apache httpd, which runs web applications in mod_wsgi's daemon processes: one for all applications of an instance."""

from __future__ import annotations

import re
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from ..answers.values import join_host
from ..bundle.api import Directory, Reload, RenderedFile, Site
from ..bundle.render import FILTERS, fill
from ..host import network, processes
from ..host.processes import Daemon, Process
from . import access_log, tls, wsgi
from .readiness import Logs
from .wsgi import Application

#: Seconds that httpd gives requests under way when it takes new files; see `graceful-timeout` in its template.
GRACE = 30
#: Bytes of an answer that httpd holds for a client, so that the application need not wait; and those of an application
#: that streams.
_HELD, _STREAMED = 256 << 20, 64 << 10
_PID_FILE = "run/httpd.pid"
_ACCESS_LOG = "log/httpd-access.log"
_FAULT = re.compile(r"\] ((?:\w+\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*|\[.*(?:emerg|alert|crit)\].*)")
_LOGS = Logs("log/httpd-start.log", "log/httpd-error.log", "resuming normal operations", _FAULT)


@dataclass(frozen=True)
class Httpd:
    """See `servers.Server`."""

    site: Site
    applications: Sequence[Application]
    name: str = "httpd"
    config: str = "etc/httpd.conf"
    logs: Logs = _LOGS

    def directories(self) -> list[Directory]:
        return []

    def rendered(self) -> RenderedFile:
        path = self.site.instance.path
        run = path("run", self.name)
        listeners = [listener for each in self.applications for listener in each.listeners]
        values = {
            "access_log": path(_ACCESS_LOG),
            "access_log_fields": access_log.httpd_fields(self.site),
            "access_log_format": access_log.httpd_format(self.site),
            "applications": "\n".join(self._application(each, run) for each in self.applications),
            "error_log": path(self.logs.serving),
            "listen": "\n".join(f"Listen {_address(listener, '')}" for listener in listeners),
            "pid_file": path(_PID_FILE),
            "release": self.site.release.root,
            "run": run,
            "tls": _tls(self.site),
        }
        content = fill(__file__, "httpd.conf", values)
        return RenderedFile(self.config, content.encode(), 0o640, self.site.account.readable)

    def _application(self, application: Application, run: str) -> str:
        values = {
            "addresses": " ".join(_address(listener, "*:") for listener in application.listeners),
            "body_limit": str(application.body_limit),
            "buffer": str(_STREAMED if application.streams else _HELD),
            "directives": self._directives(application),
            "errors": fill(__file__, f"httpd-errors-{application.errors}.conf", {}).rstrip("\n"),
            "name": application.name,
            "processes": str(application.processes),
            "release": self.site.release.root,
            "request_id": application.request_id,
            "run": run,
            "script": self.site.instance.path(application.script_path),
            "stats": " server-metrics=on" if application.stats else "",
            "threads": str(application.threads),
        }
        return fill(__file__, "httpd-application.conf", values)

    def _directives(self, application: Application) -> str:
        if not application.directives:
            return "# Without further directives."
        return f"Include {FILTERS['httpd'](self.site.instance.path(application.directives))}"

    def daemon(self) -> Daemon:
        return Daemon(
            name=self.name,
            argv=[*self._command(), "-D", "FOREGROUND"],
            log=self.site.instance.path(self.logs.starting),
            network=True,
            low_ports=wsgi.has_low_ports(self.applications),
            files=[self.config, *self._read_files(), tls.CERTIFICATE, tls.KEY],
            # httpd refuses to start while any process has the pid that this file names.
            leftovers=[self.site.instance.path(_PID_FILE)],
            logs=[self.logs.serving, _ACCESS_LOG, *wsgi.logs(self.applications)],
            memory=wsgi.memory(self.applications),
            tasks=wsgi.tasks(self.applications),
        )

    def _read_files(self) -> list[str]:
        directives = [each.directives for each in self.applications if each.directives]
        return [*wsgi.read_files(self.applications), *directives]

    def _command(self) -> list[str]:
        release, config = self.site.release, self.site.instance.path(self.config)
        return [release.path("bin", "httpd"), "-d", release.root, "-f", config]

    def check_command(self) -> list[str]:
        return [*self._command(), "-t"]

    def reloading(self, process: Process, _changed: Collection[str]) -> Reload:
        return partial(self._reload, process)

    def _reload(self, process: Process) -> bool:
        """httpd takes new files on SIGUSR1 and keeps its ports open: it opens new ones before it closes old ones."""
        former = processes.find_workers(process)
        processes.send(process, signal.SIGUSR1)
        return processes.wait_until(lambda: not any(map(processes.is_alive, former)), GRACE)


def _address(listener: network.Listener, every: str) -> str:
    """`every` is what stands there for every address."""
    return f"{join_host(listener.host)}:{listener.port}" if listener.host else f"{every}{listener.port}"


def _tls(site: Site) -> str:
    if not tls.has_tls(site):
        return "# Without TLS: no certificate was given."
    values = {
        "certificate": site.instance.path(tls.CERTIFICATE),
        "ciphers": tls.CIPHERS,
        "key": site.instance.path(tls.KEY),
    }
    return fill(__file__, "httpd-tls.conf", values).rstrip("\n")
