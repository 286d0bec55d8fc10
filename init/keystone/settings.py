"""What follows from the answers: where to listen, the advertised URL, how many processes."""

from __future__ import annotations

import math
import os
from urllib.parse import urlsplit

from installer import network
from installer.errors import Problem
from installer.network import Listener
from installer.product import Site
from installer.values import join_host, split_host_port

from . import password

#: Answers that count for one run: the password they name is the administrator's first one.
TRANSIENT = ("admin-password-file",)

#: Keystone's defaults of `[token] expiration` and `allow_expired_window`, in seconds: so long may a token be of use.
LONGEST_TOKEN = 3600 + 172800

LOOPBACK = "127.0.0.1"

#: What a path of an instance must not contain, since no quoting helps, and why.
UNUSABLE = {
    "?": "a database URL's parameters would begin there",
    "\\$": "Keystone's configuration takes that for a quoted $",
    "${": "httpd's configuration takes that for a variable",
}


def host(site: Site) -> str:
    return site.values("host")[0]


def region(site: Site) -> str:
    return site.values("region")[0]


def listeners(site: Site) -> list[Listener]:
    """A port alone is open on every address, except where the host is a loopback one: then only there."""
    found = []
    for value in site.values("port"):
        address, port = split_host_port(value)
        found.append(Listener(address or _default_address(host(site)), port))
    return found


def _default_address(advertised: str) -> str:
    if not network.is_loopback(advertised):
        return ""
    return LOOPBACK if advertised == "localhost" else advertised


def public_url(site: Site) -> str:
    """The URL of the identity service in the catalog; it ends with /v3."""
    given = site.value("public-url")
    if given is None:
        return f"http://{join_host(host(site))}:{listeners(site)[0].port}/v3"
    return given if given.endswith("/v3") else f"{given}/v3"


def processes(site: Site) -> int:
    """Processes beat threads, and beyond the number of processors they only cost memory."""
    given = site.value("processes")
    return int(given) if given is not None else max(2, min(8, len(os.sched_getaffinity(0))))


def key_rotation(site: Site) -> int:
    """Seconds from one rotation of the keys of tokens to the next; 0 for never."""
    return int(site.values("key-rotation")[0]) * 3600


def max_active_keys(site: Site) -> int:
    """As many keys as tokens may still need, the staged one, and one for a rotation that comes early."""
    return math.ceil(LONGEST_TOKEN / (key_rotation(site) or 86400)) + 2


def check_answers(site: Site) -> list[Problem]:
    """What is wrong with the answers together, and with the password file."""
    problems = password.check_given(site)
    for text, why in UNUSABLE.items():
        if text in site.instance.root:
            problems.append(
                Problem(
                    f"the instance's path contains {text}",
                    where=site.instance.root,
                    why=why,
                    hint="choose another place with --instance",
                )
            )
    found = listeners(site)
    for index, listener in enumerate(found):
        if any(listener.overlaps(other) for other in found[:index]):
            problems.append(Problem(f"port {listener.port} is given twice", hint="give each address and port once"))
    return problems


def warn(site: Site) -> list[Problem]:
    """What is unusual, but may be meant."""
    problems = []
    name = urlsplit(public_url(site)).hostname or ""
    if not network.resolves(name):
        problems.append(
            Problem(
                f"{name} is a name that this host cannot resolve",
                why="clients need to, and so does the proof of this install, which uses the service's own port instead",
                hint="add it to the name service, or to /etc/hosts",
            )
        )
    elif not network.is_local(name):
        problems.append(
            Problem(
                f"{name} is no address of this host",
                why="clients need to reach it, through a proxy, NAT or a floating address for example",
                hint="if that is not meant, run again with --host and an address of this host",
            )
        )
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        problems.append(
            Problem(
                "the service runs as nobody, an account it may share with others",
                hint="run again with --create-user, which makes an account keystone and gives it the instance",
            )
        )
    return problems
