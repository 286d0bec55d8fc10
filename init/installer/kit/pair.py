"""A certificate and its key as PEM files: whether they are usable, and whether clients accept them. OpenSSL's own
server and client shake hands in memory."""

from __future__ import annotations

import os
import re
import ssl
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import Problem
from . import pem


def check_files(certificate: str, key: str) -> list[Problem]:
    """Problems that make the two files unusable."""
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
        server = server_context(certificate, key)
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
        shake_hands(server, client_context(trust(certificate)))
    except ssl.SSLCertVerificationError as error:
        yield Problem(
            "clients would refuse the certificate",
            where=certificate,
            why=error.verify_message,
            hint="renew it, and give the new one",
        )
    except ssl.SSLError as error:
        yield Problem("TLS does not work with the certificate", where=certificate, why=error.reason or str(error))


def names_of(shown: dict[str, Any]) -> str:
    """The hosts that a certificate names, as text."""
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    return ", ".join(names[:8]) or "no host at all"


Trust = Callable[[ssl.SSLContext], None]


def trust(certificate: str) -> Trust:
    return lambda context: context.load_verify_locations(cadata=pem.blocks(pem.CERTIFICATES, certificate).decode())


def trust_blocks(certificates: bytes) -> Trust:
    """Trusts these certificates, as PEM. Raises ssl.SSLError if they are none."""
    return lambda context: context.load_verify_locations(cadata=certificates.decode("ascii", "ignore"))


def trust_public(context: ssl.SSLContext) -> None:
    """Trusts the authorities that the release's clients trust: those of certifi, which `requests` uses."""
    known = os.path.join(sysconfig.get_path("purelib"), "certifi", "cacert.pem")
    if os.path.exists(known):
        context.load_verify_locations(cafile=known)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """A server's context with copies of both files: OpenSSL takes only paths, and a file could be exchanged before it
    opens it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _held(pem.blocks(pem.CERTIFICATES, certificate)) as one, _held(pem.blocks(pem.KEYS, key)) as other:
        context.load_cert_chain(one, other)
    return context


@contextmanager
def _held(content: bytes) -> Iterator[str]:
    """The path of an unlinked copy. OpenSSL seeks in it, which a pipe does not allow, and the release's oldest C
    library lacks memfd_create."""
    # With `dir` given, tempfile does not create a named file to test the directory.
    with tempfile.TemporaryFile(dir=os.environ.get("TMPDIR") or "/tmp") as file:  # noqa: S108
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def client_context(trusted: Trust, *, check_name: bool = False, strict: bool = False) -> ssl.SSLContext:
    """A client's context like urllib3's: a trusted certificate needs no root above it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    trusted(context)
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> dict[str, Any]:
    """Does a handshake in memory; returns the certificate as the client sees it. Raises SSLError as a client would."""
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
