"""The types of answers: checks a text and converts it to its canonical form.

ksbundle checks the defaults of recipes by the same rules, in `src/recipe/answer-values.ts`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
#: A name cannot end like this: programs read it as an IPv4 address, each in a different way.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_URL = re.compile(
    r"[A-Za-z]+://(?P<host>\[[^]]*\]|[^/:]*)(?::(?P<port>[^/]*))?"
    r"(?:/(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&()*+,;=:@/-])*)?"
)
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def canonical(type_name: str, text: str) -> str:
    """The canonical form of `text`. Raises ValueError with the reason if it is not of the type."""
    if re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        raise ValueError("it contains a control character")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("it is not valid UTF-8")
    return _TYPES[type_name](text)


def _string(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _host(text: str) -> str:
    address = _address(text)
    if address is None:
        return _name(text)
    if address.is_unspecified:
        raise ValueError("clients cannot connect to the unspecified address; give one of this host's addresses")
    return str(address)


def _name(text: str) -> str:
    name = text.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("it must be an IPv4 or IPv6 address or a host name")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError("it looks like an IPv4 address, but is not one")
    return name.lower()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`text` as an IP address, an IPv6 address with or without brackets; None if it is not one."""
    if "%" in text:
        raise ValueError("an address with a zone is valid only on this host")
    if not text.startswith("["):
        return parse_address(text)
    address = parse_address(text[1:-1]) if text.endswith("]") else None
    return address if address is not None and address.version == 6 else None


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`text` as an IP address; None if it is not one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _port(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return str(int(text))


def _host_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host:
        return _port(port)
    if ":" in host and not host.startswith("["):
        raise ValueError("put an IPv6 address in brackets: [::1]:8080")
    address = _address(host)
    return f"{join_host(str(address) if address else _name(host))}:{_port(port)}"


def split_host_port(value: str) -> tuple[str, int]:
    """Parts of a canonical `host-port`: the host, empty if there is none, without brackets, and the port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def join_host(host: str) -> str:
    """The host in the form for a URL."""
    return f"[{host}]" if ":" in host else host


def _integer(text: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError("it must be a whole number")
    return str(int(text))


def _url(text: str) -> str:
    if not re.match("https?://", text, re.IGNORECASE):
        raise ValueError("it must be a URL that begins with http:// or https://")
    if "@" in text.split("/")[2] or re.search("[?#]", text):
        raise ValueError("it must not have a user, query or fragment")
    parts = _URL.fullmatch(text)
    if parts is None:
        raise ValueError("it contains characters that must be percent-encoded in a URL")
    _host(parts["host"])
    if parts["port"] is not None:
        _port(parts["port"])
    return text.rstrip("/")


def _path(text: str) -> str:
    try:
        return os.path.abspath(_string(text))
    except FileNotFoundError as error:
        raise ValueError("it is relative, but the working directory no longer exists") from error


def _boolean(text: str) -> str:
    lowered = text.lower()
    if lowered not in _TRUE | _FALSE:
        raise ValueError("it must be true or false")
    return "true" if lowered in _TRUE else "false"


_TYPES: Mapping[str, Callable[[str], str]] = {
    "string": _string,
    "host": _host,
    "host-port": _host_port,
    "integer": _integer,
    "choice": _string,
    "path": _path,
    "url": _url,
    "boolean": _boolean,
}
