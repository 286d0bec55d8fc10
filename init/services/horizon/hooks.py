"""The parts of the service horizon that its declaration cannot express."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from installer.bundle.api import Site
from installer.bundle.render import FILTERS, fill
from installer.errors import Problem
from installer.host.limits import Appetite
from installer.kit import tls, web, wsgi
from installer.kit.proofs import Request
from installer.kit.wsgi import Application
from installer.service.service import Service

from ..keystone import password
from . import proof

#: Directives for httpd, in the virtual host of Horizon.
_DIRECTIVES = "etc/horizon/httpd.conf"
_SETTINGS = "etc/horizon/local_settings.py"
#: The places that Horizon's pages can have below its address, for which the release has scripts and style sheets:
#: WEBROOTS of site-packages/ksbundle_horizon/places.py.
_WEBROOTS = ("/", "/dashboard/")
#: Its files for browsers, relative to the release.
_STATIC = "share/horizon/static"
#: Kinds of these files, by the ends of their names.
_TYPES = {
    "css": "text/css",
    "eot": "application/vnd.ms-fontobject",
    "gif": "image/gif",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "jpe?g": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "otf": "font/otf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "woff": "font/woff",
    "woff2": "font/woff2",
}


class Hooks(Service):
    title = "Horizon"
    APPETITE = Appetite(1024, 256, 320 << 20, "run again with --processes 1")

    def _webroot(self, site: Site) -> str:
        path = urlsplit(site.value("horizon-url") or "").path
        return path if path.endswith("/") else f"{path}/"

    def check_answers(self, site: Site) -> list[Problem]:
        if self._webroot(site) in _WEBROOTS:
            return []
        return [
            Problem(
                "the dashboard cannot be at that place",
                where=site.value("horizon-url") or "",
                why="the release has its pages only for URLs without a path, or with the path /dashboard",
                hint="give --horizon-url with one of these, and have the proxy in front use it as well",
            )
        ]

    def values(self, site: Site) -> Mapping[str, str]:
        path, webroot = site.instance.path, self._webroot(site)
        static = site.release.path(_STATIC)
        names = dict.fromkeys((f"{webroot}static", "/static"))
        types = (f'  <FilesMatch "\\.{end}$">\n    ForceType {kind}\n  </FilesMatch>' for end, kind in _TYPES.items())
        return {
            "aliases": "\n".join(f"Alias {name} {FILTERS['httpd'](static)}" for name in names),
            "ca": repr(path(tls.CERTIFICATE) if tls.is_private(site) else None),
            "is_secure": repr(self.urls(site)[0].startswith("https:")),
            "local_url": self.needed(site, "keystone", "local-url"),
            "secret_key": path("keys/horizon-secret-key"),
            "settings": path(_SETTINGS),
            "settings_directory": path("etc/horizon/local_settings.d"),
            "several_domains": repr("ldap-url" in site.answers and site.value("ldap-url") is not None),
            "static": static,
            "types": "\n".join(types),
            "webroot": webroot,
            **wsgi.door_values(site, wsgi.names_path(self.name), "X-Request-Id"),
        }

    def application(self, site: Site) -> Application | None:
        application = super().application(site)
        ready = Request(f"{self._webroot(site)}auth/login/", status=200)
        return application and replace(application, directives=_DIRECTIVES, ready=ready)

    def prove(self, site: Site) -> list[str]:
        identity = self.needed(site, "keystone", "local-url")
        proven: list[str] = []
        for listener in self.listeners(site):
            browser = proof.Browser(site, f"{web.listener_url(site, listener)}{self._webroot(site)}")
            proven += [proof.login_page(browser), *proof.logged_in(browser, identity)]
            if tls.has_tls(site):
                tls.check_served(site, listener)
        return list(dict.fromkeys(proven))

    def next_steps(self, site: Site) -> Sequence[str]:
        values = {
            "password": password.file(site),
            "restart": site.command_line("restart"),
            "settings_directory": site.instance.path("etc/horizon/local_settings.d"),
            "url": self.urls(site)[0],
        }
        return [fill(__file__, "next-steps", values)]
