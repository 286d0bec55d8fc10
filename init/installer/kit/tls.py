"""The certificate and the key that a service shows: those of the answers `tls-cert` and `tls-key`. What the operator's
files hold is copied into the instance, so that they may go away; a file that is there again, renewed, replaces the copy
on the next run.
"""

from __future__ import annotations

import os
import re
import ssl
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..answers.values import join_host
from ..bundle.api import Directory, RenderedFile, Site
from ..errors import Exit, Failure, Problem
from ..host.network import Listener
from ..state import files
from . import pem

DIRECTORY = "keys/tls"
CERTIFICATE = f"{DIRECTORY}/certificate.pem"
KEY = f"{DIRECTORY}/key.pem"
#: TLS 1.2 with forward secrecy and authenticated encryption, which leaves TLS 1.1 nothing; TLS 1.3 has its own list.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
#: A certificate that ends sooner is worth a word.
SOON = 30 * 86400

SECONDS = 30

#: What OpenSSL calls a name that the certificate does not hold: X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
_OTHER_NAME = (62, 64)


def has_tls(site: Site) -> bool:
    """Whether the service itself speaks TLS."""
    return "tls-cert" in site.answers and site.value("tls-cert") is not None


def directories(site: Site) -> list[Directory]:
    """What has to be made for the copies; `keys` must be there."""
    return [Directory(DIRECTORY, 0o750, site.account.readable)] if has_tls(site) else []


def rendered_files(site: Site) -> list[RenderedFile]:
    """The instance's copies. Raises PREFLIGHT if the files cannot be used."""
    if not has_tls(site):
        return []
    problems = check_answers(site)
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    readable = site.account.readable
    mode = 0o640 if site.account.switch else 0o600
    return [
        RenderedFile(
            CERTIFICATE, pem.blocks(pem.CERTIFICATES, _source(site, "tls-cert", CERTIFICATE)), 0o640, readable
        ),
        RenderedFile(KEY, pem.blocks(pem.KEYS, _source(site, "tls-key", KEY)), mode, readable, secret=True),
    ]


def _source(site: Site, answer: str, copy: str) -> str:
    return pem.source(site, answer, copy) or ""


def check_answers(site: Site) -> list[Problem]:
    """What keeps the certificate and the key from being used."""
    given = [name for name in ("tls-cert", "tls-key") if name in site.answers and site.value(name) is not None]
    if not given:
        return []
    if len(given) == 1:
        missing = "tls-key" if given == ["tls-cert"] else "tls-cert"
        return [Problem(f"--{given[0]} is given without --{missing}", hint="TLS needs both; --tls-cert= removes it")]
    return _check_files(_source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY))


def _check_files(certificate: str, key: str) -> list[Problem]:
    problems = [
        *_check_file(certificate, pem.CERTIFICATES, "certificate"),
        *_check_file(key, pem.KEYS, "private key"),
    ]
    return problems or list(_check_pair(certificate, key))


def _check_file(path: str, pattern: re.Pattern[bytes], what: str) -> Iterator[Problem]:
    hint = f"give a file that holds the {what} as PEM"
    try:
        content = pem.blocks(pattern, path)
    except OSError as error:
        yield Problem(f"the {what} cannot be read", where=path, why=error.strerror or "", hint=hint)
        return
    if not content:
        yield Problem(f"the file contains no {what}", where=path, why="it has no PEM block of that kind", hint=hint)
    elif b"ENCRYPTED" in content:
        yield Problem(
            f"the {what} is encrypted",
            where=path,
            why="nobody can type the passphrase when the service starts",
            hint="remove the passphrase: openssl pkey -in KEY -out PLAIN-KEY",
        )


def _check_pair(certificate: str, key: str) -> Iterator[Problem]:
    try:
        server = _server(certificate, key)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        mismatch = reason == "KEY_VALUES_MISMATCH"
        yield Problem(
            "the key is not that of the certificate" if mismatch else "the certificate and the key cannot be used",
            where=f"{certificate}, {key}",
            why="" if mismatch else reason,
            hint="the service's own certificate must come first in its file, then those that signed it",
        )
        return
    try:
        _shake_hands(server, _client(_trust(certificate)))
    except ssl.SSLCertVerificationError as error:
        yield Problem(
            "clients would refuse the certificate", where=certificate, why=error.verify_message, hint="renew it"
        )
    except ssl.SSLError as error:
        yield Problem("TLS does not work with the certificate", where=certificate, why=error.reason or str(error))


def check_copies(site: Site) -> list[Problem]:
    """What keeps the instance's own certificate and key from being used, now."""
    if not has_tls(site):
        return []
    return _check_files(site.instance.path(CERTIFICATE), site.instance.path(KEY))


def expiring(site: Site) -> list[Problem]:
    """A word on the instance's certificate if it ends soon; nothing if it has ended or cannot be used."""
    if not has_tls(site) or check_copies(site):
        return []
    certificate = site.instance.path(CERTIFICATE)
    shown = _shake_hands(_server(certificate, site.instance.path(KEY)), _client(_trust(certificate)))
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
    """What works, but is unusual with the certificate or the key. `name` is that by which clients know the service."""
    if not has_tls(site):
        return
    certificate, key = _source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY)
    rights = files.status(key)
    if rights is not None and rights.st_mode & 0o004:
        yield Problem("every user can read the private key", where=key, hint=f"chmod o= {key}")
    server = _server(certificate, key)
    shown = _shake_hands(server, _client(_trust(certificate)))
    yield from _warn_of_end(certificate, shown)
    try:
        _shake_hands(server, _client(_trust(certificate), check_name=True), name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _OTHER_NAME:
            yield Problem(
                f"the certificate is not for {name}",
                where=certificate,
                why=f"it names {_names(shown)}; clients will refuse it",
                hint="give --host one of its names, or get a certificate for this one",
            )
    try:
        _shake_hands(server, _client(_trust(certificate), strict=True))
    except ssl.SSLCertVerificationError as error:
        yield Problem(
            "clients that check strictly refuse the certificate, those that run on Python 3.13 among them",
            where=certificate,
            why=error.verify_message,
            hint="get one with the extensions that RFC 5280 requires",
        )


def _names(shown: dict[str, Any]) -> str:
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    return ", ".join(names[:8]) or "no host at all"


def is_private(site: Site) -> bool:
    """Whether clients need the certificate itself to trust the service, as no public authority vouches for it."""
    if not has_tls(site):
        return False
    certificate, key = _source(site, "tls-cert", CERTIFICATE), _source(site, "tls-key", KEY)
    try:
        _shake_hands(_server(certificate, key), _client(_trust_public))
    except ssl.SSLCertVerificationError:
        return True
    return False


def own_context(site: Site) -> ssl.SSLContext:
    """How the installer checks that the service itself answers: by its certificate alone, as it is asked by addresses
    that need not be in it."""
    return _client(_trust(site.instance.path(CERTIFICATE)))


def public_context(site: Site) -> ssl.SSLContext:
    """How the installer checks what stands in front of the service, which must be what it says it is."""
    context = _client(_trust_public, check_name=True)
    context.load_default_certs()
    if has_tls(site):
        _trust(site.instance.path(CERTIFICATE))(context)
    return context


def check_served(site: Site, listener: Listener) -> None:
    """Raises VERIFICATION unless the listener shows the certificate of the instance."""
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


Trust = Callable[[ssl.SSLContext], None]


def _trust(certificate: str) -> Trust:
    return lambda context: context.load_verify_locations(cadata=pem.blocks(pem.CERTIFICATES, certificate).decode())


def _trust_public(context: ssl.SSLContext) -> None:
    """The authorities that the release's clients know: those of certifi, which `requests` uses."""
    known = os.path.join(sysconfig.get_path("purelib"), "certifi", "cacert.pem")
    if os.path.exists(known):
        context.load_verify_locations(cafile=known)


def _server(certificate: str, key: str) -> ssl.SSLContext:
    """With copies of both files as they are now: OpenSSL takes names only, and whatever has them when it looks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _held(pem.blocks(pem.CERTIFICATES, certificate)) as one, _held(pem.blocks(pem.KEYS, key)) as other:
        context.load_cert_chain(one, other)
    return context


@contextmanager
def _held(content: bytes) -> Iterator[str]:
    """A name for a copy that no directory lists. OpenSSL seeks in it, which a pipe does not allow, and the C library
    that the release's Python is made for has no memfd_create."""
    # Told the directory, it makes no file of a name there to see whether it could.
    with tempfile.TemporaryFile(dir=os.environ.get("TMPDIR") or "/tmp") as file:  # noqa: S108
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _client(trust: Trust, *, check_name: bool = False, strict: bool = False) -> ssl.SSLContext:
    """As urllib3 makes it: a certificate that is trusted itself needs no root above it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    trust(context)
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> dict[str, Any]:
    """A handshake in memory; what the client learns of the certificate. Raises SSLError as a client would."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    # Three flights each way at most; the last round finds both ends done.
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].getpeercert() or {}
