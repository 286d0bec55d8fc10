"""Listening sockets and addresses of this host, from proc(5) and the kernel's bind."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..answers.values import parse_address

LOOPBACK = "127.0.0.1"
_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """An address to listen on; an empty host means every address."""

    host: str
    port: int

    def overlaps(self, other: Listener) -> bool:
        if self.port != other.port:
            return False
        return self.is_any or other.is_any or not self._addresses.isdisjoint(other._addresses)

    @property
    def _addresses(self) -> frozenset[str]:
        return frozenset({LOOPBACK, "::1"} if self.host == "localhost" else {self.host})

    @property
    def is_any(self) -> bool:
        return self.host in ("", "0.0.0.0", "::")

    @property
    def is_low(self) -> bool:
        """Whether a process needs a capability to listen there."""
        return self.port < 1024

    @property
    def reachable(self) -> str:
        """An address of this host that reaches it."""
        return {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)


@dataclass(frozen=True)
class Socket:
    """A listening socket of this host, with its inode."""

    listener: Listener
    inode: str


def listening_sockets() -> list[Socket]:
    return [*_read_table("/proc/net/tcp"), *_read_table("/proc/net/tcp6")]


def _read_table(path: str) -> Iterator[Socket]:
    try:
        with open(path, encoding="ascii") as file:
            rows = file.read().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        fields = row.split()
        if fields[3] == _LISTEN:
            address, _, port = fields[1].partition(":")
            yield Socket(Listener(_decode(address), int(port, 16)), fields[9])


def _decode(text: str) -> str:
    """An address of /proc/net/tcp*: words of 32 bits, each in the byte order of the host."""
    words = struct.unpack(f">{len(text) // 8}I", bytes.fromhex(text))
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def socket_owners(inode: str) -> list[int]:
    """Processes that hold the socket, as far as this user may see."""
    wanted = f"socket:[{inode}]"
    owners = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == wanted:
                    owners.append(int(pid))
                    break
            except OSError:
                continue
    return owners


def sockets_of(pid: int) -> list[Listener]:
    """Where the process listens; every address is an empty host."""
    held = [found.listener for found in listening_sockets() if pid in socket_owners(found.inode)]
    return [Listener("", listener.port) if listener.is_any else listener for listener in held]


def try_listen(listener: Listener) -> OSError | None:
    """Binds for a moment; returns the error if the kernel refuses."""
    for family, address in _families(listener):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, listener.port))
                probe.listen(1)
        except OSError as error:
            return error
    return None


def _families(listener: Listener) -> Sequence[tuple[socket.AddressFamily, str]]:
    if not listener.host:
        families = [(socket.AF_INET, "0.0.0.0")]
        return [*families, (socket.AF_INET6, "::")] if _has_ipv6() else families
    address = parse_address(listener.host)
    if address is None:
        return [(socket.AF_INET, listener.host)]
    return [(socket.AF_INET6 if address.version == 6 else socket.AF_INET, str(address))]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def is_local(host: str) -> bool:
    """Whether the host is an address of this machine, or a name that resolves to one."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    for family, _, _, _, address in found:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind(address)
            return True
        except OSError:
            continue
    return False


def resolves(name: str) -> bool:
    """Whether the host finds an address for the name."""
    try:
        return bool(socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False


def is_loopback(host: str) -> bool:
    address = parse_address(host)
    return address.is_loopback if address is not None else host == "localhost"
