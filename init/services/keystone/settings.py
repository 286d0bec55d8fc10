"""What follows from the answers: where to listen, the advertised URL, how many processes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import urlsplit

from installer.answers.values import join_host
from installer.bundle.api import Site
from installer.bundle.render import render_file
from installer.host.limits import Appetite
from installer.kit import addresses, memcached, tls, wsgi

#: Answers that count for one run: the password they name is the administrator's first one.
TRANSIENT = ("admin-password-file",)

#: Keystone's defaults of `[token] expiration` and `allow_expired_window`, in seconds: so long may a token be of use.
LONGEST_TOKEN = 3600 + 172800

CONFIG = "etc/keystone.conf"
WSGI = "etc/keystone.wsgi"
#: By which names clients may call the service; see door.py.
NAMES = "etc/names.json"
#: What every process of Keystone reads when it starts.
KEYSTONE_FILES = (CONFIG, WSGI)

KEYSTONE_LOG = "log/keystone/keystone.log"

APPETITE = Appetite(
    # memcached raises its own limit to that.
    open_files=memcached.CONNECTIONS,
    # 512 threads of one child of httpd, those of memcached, the processes of Keystone's; twice that under load and in a
    # graceful restart.
    tasks=1024,
    memory=512 << 20,
    relief="run again with --processes 1",
)

#: Bytes of memory that a process of Keystone's may come to, three times what one was seen to take; and those that the
#: server's other processes may.
_PROCESS_MEMORY = 448 << 20
_SERVER_MEMORY = 1 << 30
#: Threads that a process of Keystone's may come to, ten times as many as it has; and those of the server's others.
_PROCESS_TASKS = 64
_SERVER_TASKS = 4096


def region(site: Site) -> str:
    return site.values("region")[0]


def public_url(site: Site) -> str:
    """The URL of the identity service in the catalog; it ends with /v3."""
    given = site.value("public-url")
    if given is None:
        scheme = "https" if tls.has_tls(site) else "http"
        return f"{scheme}://{join_host(addresses.host(site))}:{addresses.listeners(site)[0].port}/v3"
    return given if given.endswith("/v3") else f"{given}/v3"


def urls(site: Site) -> list[str]:
    """The advertised URL, and where this host reaches each listener."""
    scheme = "https" if tls.has_tls(site) else "http"
    own = (f"{scheme}://{join_host(listener.reachable)}:{listener.port}/v3" for listener in addresses.listeners(site))
    return list(dict.fromkeys([public_url(site), *own]))


def derived(site: Site) -> Mapping[str, str]:
    """What answers come to that have no default."""
    return {"public-url": public_url(site), "processes": str(wsgi.processes(site))}


def public_name(site: Site) -> str:
    """The address or name in the advertised URL."""
    return urlsplit(public_url(site)).hostname or ""


def public_names(site: Site) -> list[str]:
    """Names and addresses by which clients may call the service, besides addresses of this host."""
    return sorted({public_name(site), addresses.host(site), "localhost"})


def public_ports(site: Site) -> list[int]:
    parts = urlsplit(public_url(site))
    standard = 443 if parts.scheme == "https" else 80
    return sorted({parts.port or standard, *(listener.port for listener in addresses.listeners(site))})


def memory(site: Site) -> int:
    """The most bytes that the server may come to: in a reload there are twice as many processes for a while."""
    return 2 * wsgi.processes(site) * _PROCESS_MEMORY + _SERVER_MEMORY


def tasks(site: Site) -> int:
    """The most processes and threads that the server may come to."""
    return 2 * wsgi.processes(site) * _PROCESS_TASKS + _SERVER_TASKS


def key_rotation(site: Site) -> int:
    """Seconds from one rotation of the keys of tokens to the next; 0 for never."""
    return int(site.values("key-rotation")[0]) * 3600


def max_active_keys(site: Site) -> int:
    """As many keys as tokens may still need, the staged one, and one for a rotation that comes early."""
    return math.ceil(LONGEST_TOKEN / (key_rotation(site) or 86400)) + 2


def fill(site: Site, template: str, values: Mapping[str, str]) -> str:
    """A template of Keystone's, filled."""
    return render_file(site.release.path("init", "services", "keystone", "templates", template), values)
