"""Requests to a service beside Keystone, with a token of the service's own account, to prove that it works."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.kit import secret_file, web
from installer.kit.answer import Answer

from . import client
from .users import User

#: Seconds for an answer: to the first request, a service logs in to Keystone, and both load what they need for that.
_PATIENCE = 30.0


class Session:
    """Its methods raise VERIFICATION, with the URL that failed."""

    def __init__(self, site: Site, title: str, identity: str) -> None:
        """`title` names the service for people, `identity` is Keystone's URL."""
        self._site = site
        self._title = title
        self._identity = identity
        self._token = ""

    def log_in(self, account: User, password: str) -> None:
        """`password` is a file of the instance, relative to it."""
        secret = secret_file.read(self._site.instance.path(password), secret_file.LARGEST) or ""
        url = self._identity
        try:
            answer = client.ask_for_token(self._site, url, account, secret, seconds=_PATIENCE)
        except OSError as error:
            raise self.failed(url, f"no token for {account.name}: {error}") from error
        if answer.status == 401:
            hint = f"set the password of the user {account.name} in Keystone to the one in that file"
            where = self._site.instance.path(password)
            what = f"{self._title} cannot log in to Keystone"
            raise Failure(Exit.VERIFICATION, Problem(what, where=where, why="its password was changed", hint=hint))
        if answer.status != 201:
            why = f"no token for {account.name}: it answers {answer.status}: {answer.body[:200]!r}"
            raise self.failed(url, why)
        self._token = answer.headers["X-Subject-Token"]

    def ask(
        self,
        method: str,
        url: str,
        status: int,
        *,
        body: Any = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """The answer, which has this status; see `http_client.request`."""
        own = {"X-Auth-Token": self._token, **headers}
        try:
            answer = web.request(self._site, method, url, body=body, headers=own, seconds=_PATIENCE)
        except OSError as error:
            raise self.failed(url, f"{method}: {error}") from error
        if answer.status != status:
            why = f"{method} is answered with {answer.status}, not {status}: {answer.body[:200]!r}"
            raise self.failed(url, why)
        return answer

    def failed(self, url: str, why: str) -> Failure:
        hint = "look in the instance's log directory"
        return Failure(Exit.VERIFICATION, Problem(f"{self._title} does not work", where=url, why=why, hint=hint))
