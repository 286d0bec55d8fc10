"""The keys of a service as a unit that its other nodes can import."""

from __future__ import annotations

from typing import Protocol


class SharedKeys(Protocol):
    def seal(self, certificate: bytes) -> bytes:
        """Encrypts the keys for the holder of the key of `certificate`, as PEM. Raises PREFLIGHT."""

    def open(self, content: bytes, recipient: bytes) -> None:
        """Imports what another node has sealed for the recipient, a certificate and its key as PEM. Raises PREFLIGHT,
        with nothing changed, if it is for another recipient or does not fit this node."""

    def digest(self) -> str | None:
        """A SHA-256 digest, the same on every node that has these keys; it tells nothing about them. None if the set is
        not one that `seal` exports."""

    def rotate(self) -> str:
        """Puts the next keys into use, whether they are due or not; returns a summary. Raises PREFLIGHT if another node
        does not have them yet."""

    def forget(self, node: str) -> None:
        """Lets rotations go on without a removed node. Raises PREFLIGHT if there is none of that name."""
