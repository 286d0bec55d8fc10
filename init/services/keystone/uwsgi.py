"""uWSGI: a router that speaks HTTP with clients, and the processes that run Keystone.

Its configuration holds no path but relative ones: in values it would take `%` and `$(` for its own, and it cuts a
path that is not ASCII.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Collection

from installer.answers.values import join_host
from installer.bundle.api import Directory, Site
from installer.host import network, processes
from installer.host.network import Listener
from installer.host.processes import Daemon, Process
from installer.kit import addresses, tls

from . import settings

NAME = "uwsgi"
CONFIG = "etc/uwsgi.ini"
LOGS = ("log/uwsgi-start.log", "log/uwsgi/error.log")
START = "*** Starting uWSGI"
#: An exception of Python's, or a call to the kernel that failed, such as `mkfifo()`.
FAULT = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*|[\w()/]*\w\(\): .*)")
FIFO = "run/uwsgi/control"
#: What the master is told through its pipe: end and renew one process after the other.
RELOAD_IN_TURN = b"c"
#: Seconds until new processes have taken over from the old ones.
GRACE = 60


def directories(site: Site) -> list[Directory]:
    return [Directory("log/uwsgi", 0o750, site.account.owner)]


def values(site: Site) -> dict[str, str]:
    """What only its template asks for."""
    return {
        # What a trusted proxy says of its client; see door.py.
        "forwarded": ' "%(forwarded)"' if addresses.proxies(site) else "",
        "listen": "\n".join(_listen(site, listener) for listener in addresses.listeners(site)),
    }


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


def daemon(site: Site) -> Daemon:
    return Daemon(
        name=NAME,
        argv=_command(site),
        log=site.instance.path(LOGS[0]),
        network=True,
        low_ports=addresses.has_low_ports(site),
        files=[CONFIG, *settings.KEYSTONE_FILES, tls.CERTIFICATE, tls.KEY],
        logs=["log/uwsgi/error.log", "log/uwsgi/access.log", settings.KEYSTONE_LOG],
        memory=settings.memory(site),
        tasks=settings.tasks(site),
    )


def _command(site: Site) -> list[str]:
    return [site.release.path("bin", "uwsgi"), "--ini", f"../../{CONFIG}"]


def check_command(site: Site) -> list[str]:
    """uWSGI reads its files before it prints its version, and ends at what it does not know. It looks at no value."""
    return [*_command(site), "--version"]


def reload(site: Site, daemon: Process, changed: Collection[str]) -> bool:
    """Keystone's files are taken by one process after the other, and no request is lost. uWSGI's own, and the
    certificate, need a new router: requests under way are cut, new ones wait.

    A port that is in the way of a former one needs a new start.
    """
    held = network.sockets_of(daemon.pid)
    if any(new.overlaps(old) and new != old for new in addresses.listeners(site) for old in held):
        return False
    former = processes.find_workers(daemon)
    if {CONFIG, tls.CERTIFICATE, tls.KEY} & set(changed):
        processes.send(daemon, signal.SIGHUP)
    else:
        # Neither the router nor the processes that uWSGI forks for itself read Keystone's files.
        former = [process for process in former if _is_worker(process)]
        site.account.run(_tell_master, site.instance.path(FIFO), RELOAD_IN_TURN)
    return processes.wait_until(lambda: not any(map(processes.is_alive, former)), GRACE)


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
