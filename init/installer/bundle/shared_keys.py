"""The keys of a service as a unit that other instances of it, its other nodes, take over."""

from __future__ import annotations

from typing import Protocol


class SharedKeys(Protocol):
    def seal(self, certificate: bytes) -> bytes:
        """The keys, readable for nobody but the holder of the certificate, PEM, and its key. Raises PREFLIGHT."""

    def open(self, content: bytes, recipient: bytes) -> None:
        """Takes what another node has sealed for the recipient, a certificate and its key as PEM. Raises PREFLIGHT if
        it is not for that one, or fits this node not; nothing is changed then."""

    def rotate(self) -> str:
        """Lets the next keys take over, whether they are due or not; says what was done. Raises PREFLIGHT if another
        node does not know them yet."""

    def forget(self, node: str) -> None:
        """Has the node that is no more hold nothing up. Raises PREFLIGHT if there is none of that name."""
