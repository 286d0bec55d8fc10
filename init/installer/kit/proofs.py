"""Small proofs that a service works: a request to a listener, and the expected answer."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..answers.values import join_host
from ..bundle.api import HIDDEN, Site
from ..errors import Exit, Failure, Problem
from ..host.network import Listener
from . import tls, web
from .answer import MUTE, SECONDS
from .readiness import ANSWERS

#: Bytes of the longest answer that is read from a service that does not speak HTTP.
LONGEST = 1 << 16


class Proof(Protocol):
    def __str__(self) -> str:
        """What the proof shows if it succeeds."""

    def where(self, site: Site, listener: Listener) -> str:
        """The request."""

    def fault(self, site: Site, listener: Listener, seconds: float) -> str:
        """The fault of the answer; empty if there is none. Starts with the prefixes of `readiness`."""


@dataclass(frozen=True)
class Request:
    """A request over HTTP."""

    path: str = "/"
    method: str = "GET"
    #: Expected status; None accepts any but a server error.
    status: int | None = None
    #: Text that the answer must contain.
    body: str = ""

    def __str__(self) -> str:
        held = f" and holds {self.body!r}" if self.body else ""
        return f"{self.method} {self.path} is answered with {self.status or 'no fault'}{held}"

    def where(self, site: Site, listener: Listener) -> str:
        return f"{web.listener_url(site, listener)}{self.path}"

    def fault(self, site: Site, listener: Listener, seconds: float) -> str:
        try:
            answer = web.request(site, self.method, self.where(site, listener), seconds=seconds)
        except OSError as error:
            return str(getattr(error, "reason", None) or error)
        right = answer.status < 500 if self.status is None else answer.status == self.status
        if not right:
            return f"{ANSWERS} {answer.status}"
        return "" if self.body.encode() in answer.body else f"{ANSWERS} without the text {self.body!r}"


@dataclass(frozen=True)
class Exchange:
    """Text to send over TCP, and text that must come back. If both are empty, the connection must be accepted."""

    send: str = ""
    expect: str = ""
    #: Texts that are not shown.
    hidden: Sequence[str] = ()

    def __str__(self) -> str:
        asked = f"{self._mask(self.send)!r} is answered with {self.expect!r}"
        return asked if self.expect else "connections are taken"

    def _mask(self, text: str) -> str:
        return functools.reduce(lambda shown, secret: shown.replace(secret, HIDDEN), self.hidden, text)

    def where(self, _site: Site, listener: Listener) -> str:
        return f"{join_host(listener.reachable)}:{listener.port}"

    def fault(self, _site: Site, listener: Listener, seconds: float) -> str:
        end, wanted, told = time.monotonic() + seconds, self.expect.encode(), b""
        try:
            with socket.create_connection((listener.reachable, listener.port), seconds) as connection:
                connection.sendall(self.send.encode())
                while wanted not in told:
                    connection.settimeout(max(0.001, end - time.monotonic()))
                    piece = connection.recv(LONGEST)
                    told += piece
                    if not piece or len(told) > LONGEST:
                        answer = self._mask(os.fsdecode(told))
                        return f"{ANSWERS} {os.fsencode(answer)[:200]!r}, without {self.expect!r}"
        except TimeoutError:
            return f"{MUTE} within {seconds:g} s"
        except OSError as error:
            return str(error.strerror or error)
        return ""


def prove(site: Site, listeners: Sequence[Listener], proofs: Sequence[Proof]) -> list[str]:
    """Tries all of them at every listener. Returns what was proven; raises VERIFICATION with the first failure."""
    for listener in listeners:
        for proof in proofs:
            why = proof.fault(site, listener, SECONDS)
            if why:
                raise Failure(
                    Exit.VERIFICATION,
                    Problem(
                        "the service does not answer as it should",
                        where=proof.where(site, listener),
                        why=why,
                        hint="look in the instance's log directory",
                    ),
                )
        if tls.has_tls(site) and any(isinstance(proof, Request) for proof in proofs):
            tls.check_served(site, listener)
    return list(map(str, proofs))
