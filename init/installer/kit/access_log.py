"""The access log: one line for each request, as text or as a JSON object, in the format strings of both servers.

It contains no request headers, except the client that a trusted proxy reports. A client cannot break a line: httpd
escapes bytes as C does, with `\\x`. That is invalid in JSON, so for JSON a URI is percent-encoded first if it has a
quote, a backslash or a byte that is not visible ASCII. uWSGI escapes nothing; ksbundle_door.py encodes its URIs.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..bundle.api import Site
from . import addresses

#: Fields that are numbers in JSON.
_NUMBERS = frozenset({"status", "bytes", "microseconds"})

_HTTPD_TEXT = '%h %u %{%FT%T%z}t "%r" %>s %B %D %{request-id}n'
_HTTPD = {
    "time": "%{%FT%T%z}t",
    "client": "%a",
    "method": "%{log-method}e",
    "uri": "%{log-uri}e",
    "status": "%>s",
    "bytes": "%B",
    "microseconds": "%D",
    "request_id": "%{request-id}n",
}
#: The limit is 8000 because httpd fails a request if a replacement is longer than 8192 bytes. Requests that httpd
#: cannot parse do not reach these directives.
_HTTPD_FIELDS = r"""
SetEnvIfExpr "%{THE_REQUEST} =~ m#^([!-~]{1,99}) #" log-method=$1
SetEnvIfExpr "escape(%{THE_REQUEST}) =~ m#^.+?%20(.{1,8000}?(?=%20|$)|.{8000})#" log-uri=$1
SetEnvIfExpr "%{THE_REQUEST} =~ m#^\S+ ([!\x23-\x5b\x5d-~]{1,8000})[!\x23-\x5b\x5d-~]*( |$)#" log-uri=$1
"""
_HTTPD_FORWARDED = "%{log-forwarded}e"

_UWSGI_TEXT = (
    '%(addr) %(user) [%(ltime)] "%(method) %(var.KSB_URI) %(proto)" %(status) %(rsize) %(micros) %(request_id)'
)
_UWSGI = {
    "time": "%(start)",
    "client": "%(addr)",
    "method": "%(method)",
    "uri": "%(var.KSB_URI)",
    "status": "%(status)",
    "bytes": "%(rsize)",
    "microseconds": "%(micros)",
    "request_id": "%(request_id)",
}
_UWSGI_FORWARDED = "%(forwarded)"


def httpd_format(site: Site) -> str:
    return _format(site, _HTTPD_TEXT, _HTTPD, _HTTPD_FORWARDED)


def httpd_fields(site: Site) -> str:
    """Directives that set the variables of the format. X-Forwarded-For is read from the right, as far as it consists of
    addresses."""
    proxies = addresses.proxies(site)
    test = " || ".join(f"-R '{proxy}'" for proxy in proxies)
    said = f"({test}) && req('X-Forwarded-For') =~ m#([0-9A-Fa-f:.][0-9A-Fa-f:., ]{{0,999}})$#"
    forwarded = f'SetEnvIfExpr "{said}" log-forwarded=$1' if proxies else ""
    return "\n".join(filter(None, (_HTTPD_FIELDS.strip() if _is_json(site) else "", forwarded)))


def uwsgi_format(site: Site) -> str:
    return _format(site, _UWSGI_TEXT, _UWSGI, _UWSGI_FORWARDED)


def _format(site: Site, text: str, fields: Mapping[str, str], forwarded: str) -> str:
    has_proxies = bool(addresses.proxies(site))
    if not _is_json(site):
        return f'{text} "{forwarded}"' if has_proxies else text
    given = {**fields, "forwarded": forwarded} if has_proxies else fields
    members = (f'"{name}": {word}' if name in _NUMBERS else f'"{name}": "{word}"' for name, word in given.items())
    return "{" + ", ".join(members) + "}"


def _is_json(site: Site) -> bool:
    return site.values("access-log-format")[0] == "json"
