"""What a unit's processes may do: as little as they need.

Facts: systemd.exec(5). A systemd too old for a directive ignores it with a warning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..bundle.api import Site
from ..bundle.render import quote_unit_line, quote_unit_word
from ..host import processes
from ..host.account import service_environment


@dataclass(frozen=True)
class Needs:
    """What one unit's processes need beyond reading the release and the instance."""

    #: Directories relative to the instance: the working directory, and those they write to.
    place: str
    writes: Sequence[str]
    network: bool = False
    low_ports: bool = False
    #: Limits of memory in bytes, and of processes and threads. None: no limit.
    memory: int | None = None
    tasks: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


#: Directives that hide places: the places, and the value to use if the release or the instance is there.
_HIDING = (
    ("ProtectHome", ("/home", "/root", "/run/user"), "read-only"),
    ("PrivateTmp", ("/tmp", "/var/tmp"), "no"),  # noqa: S108
    ("PrivateDevices", ("/dev",), "no"),
)

_ALWAYS = """\
NoNewPrivileges=yes
KeyringMode=private
LimitCORE=0
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateIPC=yes
PrivateMounts=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# memcached lowers its limit on open files, and does not start if it cannot. That does not let it raise one.
SystemCallFilter=prlimit64 getrlimit setrlimit"""


def render_sandbox(site: Site, needs: Needs) -> str:
    """Lines of a unit's [Service] section."""
    capability = "CAP_NET_BIND_SERVICE" if needs.low_ports else ""
    families = "AF_UNIX AF_INET AF_INET6" if needs.network else "AF_UNIX"
    lines = [
        f"User={site.account.name}",
        f"UMask={processes.UMASK:04o}",
        f"WorkingDirectory={quote_unit_line(site.instance.path(needs.place))}",
        *_environment(site, needs),
        *(f"ReadWritePaths={quote_unit_word(site.instance.path(path))}" for path in needs.writes),
        *(f"{directive}={value}" for directive, value in _hidden(site)),
        f"CapabilityBoundingSet={capability}",
        f"AmbientCapabilities={capability}",
        f"RestrictAddressFamilies={families}",
        f"PrivateNetwork={'no' if needs.network else 'yes'}",
        # A capability in a user namespace does not apply to the host's ports.
        f"PrivateUsers={'no' if needs.low_ports else 'yes'}",
        *([] if needs.memory is None else [f"MemoryMax={needs.memory}"]),
        *([] if needs.tasks is None else [f"TasksMax={needs.tasks}"]),
        _ALWAYS,
    ]
    return "\n".join(lines)


def _environment(site: Site, needs: Needs) -> list[str]:
    environment = {**service_environment(site.release, site.instance.temporary), **needs.environment}
    return [f"Environment={quote_unit_word(f'{name}={value}')}" for name, value in environment.items()]


def _hidden(site: Site) -> list[tuple[str, str]]:
    paths = [os.path.realpath(path) for path in (site.release.root, site.instance.root)]
    return [
        (directive, shown if any(_is_below(path, place) for path in paths for place in places) else "yes")
        for directive, places, shown in _HIDING
    ]


def _is_below(path: str, directory: str) -> bool:
    return os.path.commonpath([path, directory]) == directory
