"""Uses the service as a client does: a wrong password is refused, a token is issued and validated."""

from __future__ import annotations

import json
import secrets

from installer import report
from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host import network, space
from installer.kit import addresses, tls, web
from installer.kit.answer import Answer

from . import client, password, settings, users
from .client import listener_url, request
from .users import User


def prove(site: Site) -> list[str]:
    """Returns what was proven. Raises VERIFICATION with the step that failed."""
    url, remark = _reachable(site)
    _check_room(site)
    wrong = _authenticate(site, url, users.ADMIN, secrets.token_hex(16))
    if wrong.status != 401:
        raise _failed(url, "a wrong password was not refused", f"it answers {wrong.status}, not 401")
    for user in users.users(site)[1:]:
        _issue(site, url, user)
    # After the wrong password, not in parallel: a correct one resets Keystone's count of failures.
    issued = _issue(site, url, users.ADMIN)
    if issued is None:
        return [f"a wrong password is refused{remark}"]
    validate(site, issued.headers["X-Subject-Token"])
    _check_catalog(site, url, issued)
    return [f"token issued and validated, wrong password refused{remark}"]


def issue(site: Site) -> str | None:
    """A token of the administrator; None, with a warning, if the password is no longer known."""
    issued = _issue(site, _reachable(site)[0], users.ADMIN)
    return None if issued is None else issued.headers["X-Subject-Token"]


def validate(site: Site, token: str) -> None:
    """Raises VERIFICATION unless every listener accepts the token."""
    for listener in addresses.listeners(site):
        local = listener_url(site, listener)
        validated = request(site, "GET", f"{local}/auth/tokens", token=token)
        if validated.status != 200:
            raise _failed(local, "a token was not accepted", f"it answers {validated.status}")
        if tls.has_tls(site):
            tls.check_served(site, listener)


def _check_room(site: Site) -> None:
    """Raises VERIFICATION if the disk is full: Keystone counts a wrong password in the database and must write there
    again before it accepts the right one, so this proof could lock its user out."""
    full = list(space.check(space.volumes(site.instance)))
    if full:
        raise Failure(Exit.VERIFICATION, *full)


def _reachable(site: Site) -> tuple[str, str]:
    """The advertised URL, or the first listener's if this host cannot reach the service through it; with a remark."""
    url = settings.public_url(site)
    try:
        request(site, "GET", url)
        return url, f" at {url}"
    except OSError as error:
        name = web.name_of(url)
        if network.is_local(name):
            why = str(getattr(error, "reason", error))
            raise _failed(url, "the advertised address does not answer", why) from error
    local = listener_url(site, addresses.listeners(site)[0])
    return local, f" at {local}; {url} cannot be reached from this host"


def _authenticate(site: Site, url: str, user: User, secret: str) -> Answer:
    try:
        return client.ask_for_token(site, url, user, secret)
    except OSError as error:
        raise _failed(url, "a request for a token was not answered", str(error)) from error


def _issue(site: Site, url: str, user: User) -> Answer | None:
    """A token for the user; None, with a warning, if the password is no longer known."""
    given = password.given(site) if user is users.ADMIN else None
    stored = password.stored(site, user)
    for candidate in dict.fromkeys(secret for secret in (given, stored) if secret is not None):
        answer = _authenticate(site, url, user, candidate)
        if answer.status == 201:
            if candidate != stored:
                password.store(site, candidate, user)
            return answer
        if answer.status != 401:
            raise _failed(url, "no token was issued", f"it answers {answer.status}: {answer.body[:200]!r}")
    report.warn(
        Problem(
            f"no token was issued: the password of {user.name} was changed",
            where=password.file(site, user),
            why="the current password is not in this file, and was not given",
            hint="write the current password to this file",
        )
    )
    return None


def _check_catalog(site: Site, url: str, issued: Answer) -> None:
    wanted = settings.public_url(site)
    catalog = json.loads(issued.body)["token"]["catalog"]
    endpoints = [endpoint for service in catalog if service["type"] == "identity" for endpoint in service["endpoints"]]
    region = settings.region(site)
    if not any(endpoint["url"] == wanted and endpoint["region"] == region for endpoint in endpoints):
        raise _failed(url, "the catalog does not name the advertised address", f"{wanted} in {region} is missing")


def _failed(url: str, what: str, why: str) -> Failure:
    return Failure(
        Exit.VERIFICATION,
        Problem(what, where=url, why=why, hint="look in the instance's log directory"),
    )
