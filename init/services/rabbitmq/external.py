"""A broker on a server of the operator's, in place of the release's own. Only this module reads these answers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, quote, urlsplit

from installer.answers.values import join_host
from installer.bundle.api import HIDDEN, RenderedFile, Site
from installer.errors import Exit, Failure, Problem
from installer.kit.credential import Credential, useless

#: Answers that apply to one run: the password is kept in a file of the instance.
TRANSIENT = ("rabbitmq-password-file",)
PASSWORD = "keys/rabbitmq-broker-password"  # noqa: S105
CA = "keys/rabbitmq-ca.pem"
#: The ports of AMQP without and with TLS.
_PORT, _TLS_PORT = 5672, 5671

_CREDENTIAL = Credential("broker", "rabbitmq-password-file", PASSWORD, "rabbitmq-ca", CA)


def is_wanted(site: Site) -> bool:
    return site.value("rabbitmq-url") is not None


def place(site: Site) -> tuple[str, int]:
    """Host and port of the broker. The answers must be free of faults."""
    url = _url(site)
    return url.hostname or "", url.port or (_TLS_PORT if _is_trusted(site) else _PORT)


def faults(site: Site) -> Iterator[Problem]:
    """Problems with the answers, and with the files that they name. Contacts no server."""
    if not is_wanted(site):
        yield from useless(site, ["rabbitmq-password-file", "rabbitmq-ca"], without="rabbitmq-url")
        return
    why = _fault(_url(site))
    if why:
        hint = "give rabbit://USER@HOST/ or rabbit://USER@HOST:PORT/VHOST"
        yield Problem("--rabbitmq-url cannot be used", why=why, hint=hint)
        return
    problems = list(_CREDENTIAL.faults(site))
    if not problems and _CREDENTIAL.password(site) is None:
        yield _CREDENTIAL.unusable(site, ValueError("no file was given yet"))
    yield from problems


def warn(site: Site) -> Iterator[Problem]:
    if is_wanted(site) and not _is_trusted(site):
        host, port = place(site)
        yield Problem(
            "messages and the broker's password cross the network unprotected",
            where=f"{join_host(host)}:{port}",
            why="the broker is reached without TLS",
            hint="give the certificate of the broker's authority with --rabbitmq-ca",
        )


def rendered_files(site: Site) -> list[RenderedFile]:
    """The instance's copies of the operator's files. Raises PREFLIGHT if they cannot be used."""
    problems = list(faults(site))
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    return _CREDENTIAL.rendered_files(site)


def settings(site: Site, *, shown: bool = False) -> str:
    """The lines of the file of settings for services that send messages; `shown`: without the password. Raises as
    `rendered_files`."""
    rendered_files(site)
    secret = HIDDEN if shown else quote(_CREDENTIAL.password(site) or "", safe="")
    url = _url(site)
    host, port = place(site)
    authority = f"{url.username}:{secret}@{join_host(host)}:{port}"
    lines = [f"transport_url = {url.scheme}://{authority}{url.path or '/'}"]
    if _is_trusted(site):
        lines += ["", "[oslo_messaging_rabbit]", "ssl = true", f"ssl_ca_file = {site.instance.path(CA)}"]
    return "\n".join(lines).replace("$", "$$")


def _is_trusted(site: Site) -> bool:
    return _CREDENTIAL.source(site) is not None


def _url(site: Site) -> SplitResult:
    return urlsplit(site.value("rabbitmq-url") or "")


def _fault(url: SplitResult) -> str:
    if url.scheme != "rabbit":
        return "it does not begin with rabbit://"
    if url.password is not None:
        return (
            "it contains a password, which others can read on a command line; give a file with --rabbitmq-password-file"
        )
    try:
        port = url.port
    except ValueError as error:
        return str(error)
    if not url.hostname or not url.username or port == 0:
        return "it names no user, or no host"
    if url.query or url.fragment or "/" in url.path[1:]:
        return "it has more parts than a virtual host"
    return ""
