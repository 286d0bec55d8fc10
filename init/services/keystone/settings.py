"""What follows from the answers: where to listen, the advertised URL, how many processes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from installer.bundle.api import Site
from installer.bundle.render import render_file
from installer.host.limits import Appetite
from installer.kit import addresses, memcached, web, wsgi
from installer.kit.proofs import Request
from installer.kit.wsgi import Application

#: Answers that count for one run: the password they name is the administrator's first one.
TRANSIENT = ("admin-password-file",)

#: Keystone's defaults of `[token] expiration` and `allow_expired_window`, in seconds: so long may a token be of use.
LONGEST_TOKEN = 3600 + 172800

CONFIG = "etc/keystone.conf"
WSGI = "etc/keystone.wsgi"
#: By which names clients may call the service.
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


def region(site: Site) -> str:
    return site.values("region")[0]


def public_url(site: Site) -> str:
    """The URL of the identity service in the catalog; it ends with /v3."""
    url = web.public_url(site, addresses.listeners(site), site.value("public-url"))
    return url if url.endswith("/v3") else f"{url}/v3"


def base_url(site: Site) -> str:
    """The same without /v3."""
    return public_url(site)[: -len("/v3")]


def urls(site: Site) -> list[str]:
    """The advertised URL, and where this host reaches each listener."""
    return [f"{url}/v3" for url in web.urls(site, addresses.listeners(site), base_url(site))]


def derived(site: Site) -> Mapping[str, str]:
    """What answers come to that have no default."""
    return {"public-url": public_url(site), "processes": str(wsgi.processes(site))}


def applications(site: Site) -> list[Application]:
    """Keystone, as its server has to know it."""
    return [
        Application(
            name="keystone",
            listeners=addresses.listeners(site),
            url=base_url(site),
            script=WSGI,
            preload="ksbundle_keystone.preload",
            processes=wsgi.processes(site),
            # Three times what one was seen to take.
            process_memory=448 << 20,
            # Keystone's own limit.
            body_limit=114688,
            errors="json",
            files=[CONFIG],
            logs=[KEYSTONE_LOG],
            names=NAMES,
            ready=Request("/v3", status=200),
        )
    ]


def key_rotation(site: Site) -> int:
    """Seconds from one rotation of the keys of tokens to the next; 0 for never."""
    return int(site.values("key-rotation")[0]) * 3600


def max_active_keys(site: Site) -> int:
    """As many keys as tokens may still need, the staged one, and one for a rotation that comes early."""
    return math.ceil(LONGEST_TOKEN / (key_rotation(site) or 86400)) + 2


def fill(site: Site, template: str, values: Mapping[str, str]) -> str:
    """A template of Keystone's, filled."""
    return render_file(site.release.path("init", "services", "keystone", "templates", template), values)
