"""Values derived from the answers: listeners, the advertised URL, the number of processes."""

from __future__ import annotations

import math

from installer.bundle.api import Site
from installer.host.limits import Appetite
from installer.kit import addresses, tls, web

#: The sum of Keystone's defaults of `[token] expiration` and `allow_expired_window`: seconds for which a token may be
#: used.
LONGEST_TOKEN = 3600 + 172800

CONFIG = "etc/keystone.conf"
WSGI = "etc/keystone.wsgi"
#: File with the names by which clients may call the service.
NAMES = "etc/names.json"
#: Header of Keystone's answers that holds the identifier of the request, as in Keystone's log.
REQUEST_ID = "X-Openstack-Request-Id"
#: Files that every process of Keystone reads when it starts.
KEYSTONE_FILES = (CONFIG, WSGI)
#: Directory of files that configure one domain each, keystone.NAME.conf.
DOMAINS = "etc/domains"

#: Daemons of releases that started them all in one directory.
UNPLACED = ("memcached", "httpd", "uwsgi")

APPETITE = Appetite(
    open_files=1024,
    # 512 threads of one child of httpd, the processes of Keystone's; twice that under load and in a graceful restart.
    tasks=960,
    memory=448 << 20,
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


def public_endpoint(url: str | None) -> str:
    """The setting of a service of OpenStack for links in its answers: they use the address that a client used, one of
    this host, unless the operator gives a URL."""
    if url is None:
        return "# public_endpoint follows the address a client used"
    return f"public_endpoint = {url.replace('$', '$$')}"


def urls(site: Site) -> list[str]:
    """The advertised URL, then the URLs at which this host reaches each listener."""
    return [f"{url}/v3" for url in web.urls(site, addresses.listeners(site), base_url(site))]


def local_url(site: Site) -> str:
    """The URL at which services of the instance reach it: a listener's, whose port a firewall or NAT cannot hide; with
    TLS the advertised one, as the certificate names it."""
    return public_url(site) if tls.has_tls(site) else urls(site)[-1]


def key_rotation(site: Site) -> int:
    """Seconds from one rotation of the keys of tokens to the next; 0 for never."""
    return int(site.values("key-rotation")[0]) * 3600


def max_active_keys(site: Site) -> int:
    """The number of keys that tokens may still need, the staged one, and one for an early rotation."""
    return math.ceil(LONGEST_TOKEN / (key_rotation(site) or 86400)) + 2
