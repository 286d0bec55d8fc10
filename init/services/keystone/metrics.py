"""The daemon for Prometheus, with --metrics-port; see exporter.py and meter.py in site-packages."""

from __future__ import annotations

import json
from functools import partial

from installer.bundle.api import RenderedFile, Site
from installer.host import network
from installer.host.network import Listener
from installer.host.processes import Daemon
from installer.kit import addresses, tls
from installer.kit.proofs import Exchange
from installer.kit.readiness import Awaited, Logs

from . import rotation

NAME = "metrics"
_CONFIG = f"etc/{NAME}.json"
_LOG = f"log/{NAME}.log"
_MEMORY = 256 << 20
_TASKS = 64


def listeners(site: Site) -> list[Listener]:
    """Loopback only, as there is no authentication."""
    port = site.value("metrics-port")
    return [] if port is None else [Listener(network.LOOPBACK, int(port))]


def directory(site: Site) -> str:
    """Where Keystone's processes and their server leave what the daemon tells, relative to the instance; empty without
    metrics."""
    return f"run/{NAME}" if listeners(site) else ""


def rendered_files(site: Site, cache: str) -> list[RenderedFile]:
    """`cache` is memcached's socket."""
    facts = {
        "cache": cache,
        "keys": {kind: site.instance.path(path) for kind, path in rotation.staged(site).items()},
        "certificate": site.instance.path(tls.CERTIFICATE) if tls.has_tls(site) else None,
        "ports": sorted({each.port for each in addresses.listeners(site)}),
    }
    readable = site.account.readable
    return [
        RenderedFile(_CONFIG, f"{json.dumps({'port': each.port, **facts}, indent=2)}\n".encode(), 0o640, readable)
        for each in listeners(site)
    ]


def daemons(site: Site) -> list[Daemon]:
    return [
        Daemon(
            name=NAME,
            argv=[site.release.python, "-I", "-B", "-m", "ksbundle_keystone.exporter", site.instance.path(_CONFIG)],
            log=site.instance.path(_LOG),
            network=True,
            low_ports=listener.is_low,
            files=[_CONFIG],
            memory=_MEMORY,
            tasks=_TASKS,
        )
        for listener in listeners(site)
    ]


def awaited(site: Site) -> list[Awaited]:
    probe, logs = Exchange("GET /metrics HTTP/1.1\r\n\r\n", "keystone_processes"), Logs(_LOG, _LOG)
    return [Awaited(probe.where(site, each), NAME, logs, partial(probe.fault, site, each)) for each in listeners(site)]
