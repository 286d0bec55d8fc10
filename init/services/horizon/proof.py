"""Uses the dashboard as a browser does: its login page has all scripts and style sheets, and the administrator logs in
and lists images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from http.cookies import SimpleCookie
from types import MappingProxyType
from urllib.parse import urlencode, urljoin

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.kit import web
from installer.kit.answer import Answer

from ..keystone import client, password
from ..keystone.users import ADMIN

#: Seconds for an answer: to the first request, a process loads what it needs.
_PATIENCE = 60.0
_PARTS = re.compile(r"<(?:script|link)\b[^>]*\s(?:src|href)=\"([^\"]+)\"")
_HIDDEN = re.compile(r"<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"")


class Browser:
    """Keeps cookies. Its methods raise VERIFICATION with the URL that failed."""

    def __init__(self, site: Site, url: str) -> None:
        """`url` is that of the dashboard, with a slash at the end."""
        self.site = site
        self.url = url
        self._cookies: dict[str, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        status: int,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """The answer, which has this status; `path` is relative to the dashboard, or a path of the host."""
        url = urljoin(self.url, path)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Referer": self.url, **({"Cookie": cookies} if cookies else {}), **headers}
        try:
            answer = web.request(self.site, method, url, body=body, headers=sent, seconds=_PATIENCE)
        except OSError as error:
            raise failed(url, f"{method}: {error}") from error
        for line in answer.headers.get("Set-Cookie", "").splitlines():
            self._cookies.update({name: each.value for name, each in SimpleCookie(line).items()})
        if answer.status != status:
            raise failed(url, f"{method} is answered with {answer.status}, not {status}: {answer.body[:200]!r}")
        return answer

    def send(self, path: str, form: Mapping[str, str]) -> None:
        """Sends a form, which Horizon accepts with a redirection."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        content = {"csrfmiddlewaretoken": self._cookies.get("csrftoken", ""), **form}
        self.ask("POST", path, 302, body=urlencode(content).encode(), headers=kind)


def login_page(browser: Browser) -> str:
    page = browser.ask("GET", "auth/login/", 200).body.decode(errors="replace")
    parts = {unescape(part) for part in _PARTS.findall(page)}
    scripts = [part for part in parts if part.endswith(".js")]
    sheets = [part for part in parts if part.endswith(".css")]
    if not scripts or not sheets:
        raise failed(browser.url, f"the login page has {len(scripts)} scripts and {len(sheets)} style sheets")
    for part in sorted(parts):
        if not browser.ask("GET", part, 200).body:
            raise failed(urljoin(browser.url, part), "it is empty")
    return "the login page has all its scripts and style sheets"


def logged_in(browser: Browser, identity: str) -> list[str]:
    """`identity` is Keystone's URL. Nothing is proven if the administrator's password is no longer known, of which
    Keystone's proof has warned."""
    secret = password.stored(browser.site) or ""
    try:
        if client.ask_for_token(browser.site, identity, ADMIN, secret, seconds=_PATIENCE).status != 201:
            return []
    except OSError as error:
        raise failed(identity, f"no token for {ADMIN.name}: {error}") from error
    page = browser.ask("GET", "auth/login/", 200).body.decode(errors="replace")
    hidden = {name: unescape(value) for name, value in _HIDDEN.findall(page)}
    form = {**hidden, "domain": "Default", "username": ADMIN.name, "password": secret}
    browser.send("auth/login/", form)
    try:
        browser.ask("GET", "api/glance/images/", 200, headers={"X-Requested-With": "XMLHttpRequest"})
    finally:
        browser.send("auth/logout/", {})
    return [f"{ADMIN.name} logged in and listed images"]


def failed(url: str, why: str) -> Failure:
    hint = "look in the instance's log directory"
    return Failure(Exit.VERIFICATION, Problem("Horizon does not work", where=url, why=why, hint=hint))
