"""The certificate and the key that a service presents: those of the answers `tls-cert` and `tls-key`, copied as pem.py
says."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any

from ..answers.values import join_host
from ..bundle.api import Directory, RenderedFile, Site
from ..errors import Exit, Failure, Problem
from ..host.network import Listener
from ..state import files
from . import pair, pem

DIRECTORY = "keys/tls"
CERTIFICATE = f"{DIRECTORY}/certificate.pem"
KEY = f"{DIRECTORY}/key.pem"
#: TLS 1.2 with forward secrecy and authenticated encryption; older versions support none of these, TLS 1.3 has its own
#: list.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
#: A certificate that expires sooner causes a warning.
SOON = 30 * 86400

SECONDS = 30

#: OpenSSL's codes for a name that is not in the certificate: X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
_OTHER_NAME = (62, 64)


def has_tls(site: Site) -> bool:
    """Whether the service itself speaks TLS."""
    return "tls-cert" in site.answers and site.value("tls-cert") is not None


def directories(site: Site) -> list[Directory]:
    """The directory of the copies; `keys` must exist."""
    return [Directory(DIRECTORY, 0o750, site.account.readable)] if has_tls(site) else []


def rendered_files(site: Site) -> list[RenderedFile]:
    """The instance's copies. Raises PREFLIGHT if the files cannot be used."""
    if not has_tls(site):
        return []
    problems = check_answers(site)
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    readable = site.account.readable
    return [
        RenderedFile(
            CERTIFICATE, pem.blocks(pem.CERTIFICATES, _source(site, "tls-cert", CERTIFICATE)), 0o640, readable
        ),
        RenderedFile(
            KEY, pem.blocks(pem.KEYS, _source(site, "tls-key", KEY)), site.account.secret_mode, readable, shown=b""
        ),
    ]


def _source(site: Site, answer: str, copy: str) -> str:
    return pem.source(site, answer, copy) or ""


def check_answers(site: Site) -> list[Problem]:
    """Problems with the certificate and the key."""
    given = [name for name in ("tls-cert", "tls-key") if name in site.answers and site.value(name) is not None]
    if not given:
        return []
    if len(given) == 1:
        missing = "tls-key" if given == ["tls-cert"] else "tls-cert"
        return [Problem(f"--{given[0]} is given without --{missing}", hint="TLS needs both; --tls-cert= removes it")]
    return pair.check_files(_source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY))


def check_copies(site: Site) -> list[Problem]:
    """Problems with the instance's copies of certificate and key."""
    if not has_tls(site):
        return []
    return pair.check_files(site.instance.path(CERTIFICATE), site.instance.path(KEY))


def expiring(site: Site) -> list[Problem]:
    """Warns if the instance's certificate expires soon; nothing if it has expired or is unusable."""
    if not has_tls(site) or check_copies(site):
        return []
    certificate = site.instance.path(CERTIFICATE)
    shown = pair.shake_hands(
        pair.server_context(certificate, site.instance.path(KEY)), pair.client_context(pair.trust(certificate))
    )
    return list(_warn_of_end(certificate, shown))


def _warn_of_end(certificate: str, shown: dict[str, Any]) -> Iterator[Problem]:
    left = ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()
    if left < SOON:
        yield Problem(
            f"the certificate expires in {int(left / 86400)} days",
            where=certificate,
            why=f"it is valid until {shown['notAfter']}",
            hint="replace it with a renewed one and run install again",
        )


def warn(site: Site, name: str) -> Iterator[Problem]:
    """Warns of an unusual but working certificate or key. `name` is the service's name for clients."""
    if not has_tls(site):
        return
    certificate, key = _source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY)
    rights = files.status(key)
    if rights is not None and rights.st_mode & 0o004:
        yield Problem("every user can read the private key", where=key, hint=f"chmod o= {key}")
    server = pair.server_context(certificate, key)
    shown = pair.shake_hands(server, pair.client_context(pair.trust(certificate)))
    yield from _warn_of_end(certificate, shown)
    try:
        pair.shake_hands(server, pair.client_context(pair.trust(certificate), check_name=True), name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _OTHER_NAME:
            yield Problem(
                f"the certificate is not for {name}",
                where=certificate,
                why=f"it names {pair.names_of(shown)}; clients will refuse it",
                hint="give --host one of its names, or get a certificate for this one",
            )
    try:
        pair.shake_hands(server, pair.client_context(pair.trust(certificate), strict=True))
    except ssl.SSLCertVerificationError as error:
        yield Problem(
            "clients that check strictly refuse the certificate, those that run on Python 3.13 among them",
            where=certificate,
            why=error.verify_message,
            hint="get one with the extensions that RFC 5280 requires",
        )


def is_private(site: Site) -> bool:
    """Whether clients need the certificate itself to trust the service, as no public authority signed it."""
    if not has_tls(site):
        return False
    certificate, key = _source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY)
    try:
        pair.shake_hands(pair.server_context(certificate, key), pair.client_context(pair.trust_public))
    except ssl.SSLCertVerificationError:
        return True
    return False


def own_context(site: Site) -> ssl.SSLContext:
    """The context for requests to the service itself: trusts only its certificate, and ignores names, as requests use
    addresses that may not be in it."""
    return pair.client_context(pair.trust(site.instance.path(CERTIFICATE)))


def public_context(site: Site) -> ssl.SSLContext:
    """The context for requests to a proxy in front of the service: it must prove its name."""
    context = pair.client_context(pair.trust_public, check_name=True)
    context.load_default_certs()
    if has_tls(site):
        pair.trust(site.instance.path(CERTIFICATE))(context)
    return context


def check_served(site: Site, listener: Listener) -> None:
    """Raises VERIFICATION unless the listener presents the instance's certificate."""
    address = listener.reachable
    wanted = files.read(site.instance.path(CERTIFICATE)) or b""
    shown = ssl.get_server_certificate((address, listener.port), timeout=SECONDS)
    first = pem.CERTIFICATES.search(wanted)
    if first is None or ssl.PEM_cert_to_DER_cert(first[0].decode()) != ssl.PEM_cert_to_DER_cert(shown):
        raise Failure(
            Exit.VERIFICATION,
            Problem(
                "the service presents a certificate other than the instance's",
                where=f"{join_host(address)}:{listener.port}",
                hint=f"run {site.command_line('restart')}",
            ),
        )
