"""Apache httpd, which runs Keystone in mod_wsgi's daemon processes."""

from __future__ import annotations

import re
import signal
from collections.abc import Collection

from installer.answers.values import join_host
from installer.bundle.api import Directory, Site
from installer.bundle.render import render
from installer.host import network, processes
from installer.host.processes import Daemon, Process
from installer.kit import addresses, tls

from . import settings

NAME = "httpd"
CONFIG = "etc/httpd.conf"
PID_FILE = "run/httpd.pid"
LOGS = ("log/httpd-start.log", "log/httpd-error.log")
START = "resuming normal operations"
FAULT = re.compile(r"\] ((?:\w+\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*|\[.*(?:emerg|alert|crit)\].*)")
#: Seconds that httpd gives requests under way when it takes new files; see `graceful-timeout` in its template.
GRACE = 30


def directories(_site: Site) -> list[Directory]:
    return []


def values(site: Site) -> dict[str, str]:
    """What only its template asks for."""
    path = site.instance.path
    return {
        "access_log": path("log", "httpd-access.log"),
        "error_log": path("log", "httpd-error.log"),
        "listen": "\n".join(map(_listen, addresses.listeners(site))),
        "proxies": _proxies(site),
        "pid_file": path(PID_FILE),
        "run": path("run", NAME),
        "tls": _tls(site),
    }


def _listen(listener: network.Listener) -> str:
    address = f"{join_host(listener.host)}:" if listener.host else ""
    return f"Listen {address}{listener.port}"


def _proxies(site: Site) -> str:
    """Requests of a proxy are logged with what it says of its clients; see door.py."""
    proxies = addresses.proxies(site)
    if not proxies:
        return "# No proxy is trusted."
    test = " || ".join(f"-R '{proxy}'" for proxy in proxies)
    log = {"log": site.instance.path("log", "httpd-access.log")}
    return "\n".join(
        [
            "<IfModule !setenvif_module>",
            "  LoadModule setenvif_module modules/mod_setenvif.so",
            "</IfModule>",
            f'SetEnvIfExpr "{test}" from-proxy',
            'LogFormat "%h %u %{%FT%T%z}t \\"%r\\" %>s %B %D \\"%{X-Forwarded-For}i\\"" proxied',
            render("CustomLog @{log|httpd} proxied env=from-proxy", log),
        ]
    )


def _tls(site: Site) -> str:
    if not tls.has_tls(site):
        return "# Without TLS: no certificate was given."
    values = {
        "certificate": site.instance.path(tls.CERTIFICATE),
        "ciphers": tls.CIPHERS,
        "key": site.instance.path(tls.KEY),
    }
    return settings.fill(site, "httpd-tls.conf", values).rstrip("\n")


def daemon(site: Site) -> Daemon:
    return Daemon(
        name=NAME,
        argv=[*_command(site), "-D", "FOREGROUND"],
        log=site.instance.path(LOGS[0]),
        network=True,
        low_ports=addresses.has_low_ports(site),
        files=[CONFIG, *settings.KEYSTONE_FILES, tls.CERTIFICATE, tls.KEY],
        # httpd refuses to start while any process has the pid that this file names.
        leftovers=[site.instance.path(PID_FILE)],
        logs=["log/httpd-error.log", "log/httpd-access.log", settings.KEYSTONE_LOG],
        memory=settings.memory(site),
        tasks=settings.tasks(site),
    )


def _command(site: Site) -> list[str]:
    return [site.release.path("bin", "httpd"), "-d", site.release.root, "-f", site.instance.path(CONFIG)]


def check_command(site: Site) -> list[str]:
    return [*_command(site), "-t"]


def reload(_site: Site, daemon: Process, _changed: Collection[str]) -> bool:
    """httpd takes new files on SIGUSR1 and keeps its ports open: it opens new ones before it closes old ones."""
    former = processes.find_workers(daemon)
    processes.send(daemon, signal.SIGUSR1)
    return processes.wait_until(lambda: not any(map(processes.is_alive, former)), GRACE)
