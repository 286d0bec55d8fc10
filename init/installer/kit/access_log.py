"""The access log: one line for each request, as text or as a JSON object, in the words of either server.

No line has a header of a request, except what a trusted proxy says of its client. Nothing that a client sends ends a
line or a string in it: a field may have any byte only where the server escapes it. Servers escape for text, as C does.
JSON knows no `\\x`, so there a URI is safe before it is logged: one with a quote, a backslash or any byte but visible
ASCII is percent-encoded. For uWSGI, ksbundle_door.py does so.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..bundle.api import Site
from . import addresses

#: Fields of JSON that have no quotes.
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
#: httpd replaces nothing that is longer than 8192 bytes, and fails the request. A request that it cannot parse does not
#: come so far, and has neither method nor URI.
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
    """Directives that set what the format reads. What a trusted proxy says of its client is read from the right, up to
    what is no address."""
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
