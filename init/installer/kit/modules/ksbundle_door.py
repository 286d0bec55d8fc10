"""Middleware that every request to a web application passes, under either server.

The connection tells the client's address and the name it used. Forwarding headers, which would reach links and logs,
count only from proxies that the operator named.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

Environ = MutableMapping[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_FORWARDED = re.compile(r"HTTP_(FORWARDED|X_FORWARDED_.*|X_REAL_IP)")
#: Values that cannot end a string or a line of the access log.
_LOGGABLE = re.compile(r"[!#-\[\]-~]{1,200}")
_LOGGABLE_URI = re.compile(r"[!#-\[\]-~]*")
#: Characters of the longest URI that is logged.
_LONGEST_URI = 8000


class Names:
    """Names and ports by which clients may call the service, besides addresses of this host; others get its URL.

    The file is JSON, `{"url", "names", "ports"}`, and is read again when it is replaced.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: tuple[int, int] | None = None
        self._names: frozenset[str] = frozenset()
        self._ports: frozenset[str] = frozenset()
        self.public = urlsplit("")

    def know(self, host: str) -> bool:
        """Whether the value of a Host header is one of them."""
        self._refresh()
        match = _HOST.fullmatch(host)
        if match is None or (match["port"] or _standard_port(self.public.scheme)) not in self._ports:
            return False
        name = match["name"].strip("[]").lower()
        return name in self._names or _is_local(name)

    def _refresh(self) -> None:
        status = os.stat(self._path)
        if self._read == (status.st_ino, status.st_mtime_ns):
            return
        with open(self._path, encoding="utf-8") as file:
            known = json.load(file)
        self._names = frozenset(name.lower() for name in known["names"])
        self._ports = frozenset(map(str, known["ports"]))
        self.public = urlsplit(known["url"])
        self._read = status.st_ino, status.st_mtime_ns


def guard(
    application: Application,
    *,
    names_file: str,
    proxies: Sequence[str],
    hsts: int = 0,
    request_id: str = "X-Request-Id",
) -> Application:
    """Wraps the application. `names_file` is that of Names; `proxies` are addresses and networks; `hsts` are the
    seconds for which browsers must use only TLS (RFC 6797), 0 for never; `request_id` is the response header that
    identifies a request in the access log."""
    names = Names(names_file)
    trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    def guarded(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "uwsgi.version" in environ:
            # uWSGI trusts X-Forwarded-Proto from anybody.
            environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS") == "on" else "http"
            start_response = _with_log(environ.get("REQUEST_URI", ""), start_response, request_id)
        peer = _address(environ.get("REMOTE_ADDR", ""))
        if peer is not None and _is_in(peer, trusted):
            _take_forwarded(environ, trusted)
        elif not names.know(environ.get("HTTP_HOST", "")):
            environ["HTTP_HOST"] = names.public.netloc
            environ["wsgi.url_scheme"] = names.public.scheme
        for name in [name for name in environ if _FORWARDED.fullmatch(name)]:
            del environ[name]
        return application(environ, start_response if not hsts else _with_hsts(start_response, hsts))

    return guarded


def _with_hsts(start_response: Callable[..., Any], seconds: int) -> Callable[..., Any]:
    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        return start_response(status, [*headers, ("Strict-Transport-Security", f"max-age={seconds}")], *exc_info)

    return start


def _standard_port(scheme: str) -> str:
    return "443" if scheme == "https" else "80"


def _address(text: str) -> Address | None:
    """Parses an address; one mapped from IPv4 becomes an IPv4 address."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _is_local(name: str) -> bool:
    """Whether it is an address of this host: only those can be bound."""
    address = _address(name)
    if address is None or address.is_unspecified:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _take_forwarded(environ: Environ, trusted: Sequence[Network]) -> None:
    """Takes over what proxies report: scheme and host of the last one, and the last address that is not a proxy's."""
    scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    host = _last(environ.get("HTTP_X_FORWARDED_HOST", ""))
    if _HOST.fullmatch(host):
        environ["HTTP_HOST"] = host
    chain = environ.get("HTTP_X_FORWARDED_FOR", "")
    for text in reversed(chain.split(",")):
        address = _address(text)
        if address is None:
            break
        environ["REMOTE_ADDR"] = str(address)
        if not _is_in(address, trusted):
            break
    _log("forwarded", environ["REMOTE_ADDR"])


def _last(text: str) -> str:
    return text.rpartition(",")[2].strip()


def _with_log(uri: str, start_response: Callable[..., Any], request_id: str) -> Callable[..., Any]:
    """Sets the fields of the request for the access log of uWSGI, and those of the response when it starts."""
    _log("start", time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    server: Any = sys.modules.get("uwsgi")
    if server is not None:
        # set_logvar takes 255 bytes. add_var takes what the head of the request leaves of the buffer.
        with suppress(ValueError):
            server.add_var("KSB_URI", _loggable(uri))

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        for name, value in headers:
            if name.lower() == request_id.lower():
                _log("request_id", value)
        return start_response(status, headers, *exc_info)

    return start


def _loggable(uri: str) -> str:
    """Percent-encodes a URI with a quote, a backslash or any byte but visible ASCII, as httpd's `escape` does."""
    if not _LOGGABLE_URI.fullmatch(uri):
        uri = quote(uri, safe="$-_.+!*'(),:;@&=/~", encoding="latin-1")
    return uri[:_LONGEST_URI]


def _log(name: str, value: str) -> None:
    """Sets a field of the access log of uWSGI; httpd sets its own. See access_log.py."""
    server: Any = sys.modules.get("uwsgi")
    if server is not None and _LOGGABLE.fullmatch(value):
        server.set_logvar(name, value)
