"""Uses the service as a client does: an image goes in, comes out the same, and is deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host.network import Listener
from installer.kit import secret_file, tls, web
from installer.kit.answer import Answer

#: Bytes of the image.
_SIZE = 1 << 20
#: Seconds for an answer: to the first request, Glance logs in to Keystone, and both load what they need for that.
_PATIENCE = 30.0
#: The image's name begins with it.
_NAME = "proof of the installer"


def prove(site: Site, listeners: Sequence[Listener], identity_url: str, password: str) -> list[str]:
    """Returns what was proven at each listener. Raises VERIFICATION with the step that failed."""
    headers = {"X-Auth-Token": _log_in(site, identity_url, password)}
    for listener in listeners:
        _try(site, f"{web.listener_url(site, listener)}/v2/images", headers)
        if tls.has_tls(site):
            tls.check_served(site, listener)
    return ["an image of 1 MiB went in and came out unchanged"]


def _log_in(site: Site, url: str, password: str) -> str:
    domain = {"id": "default"}
    secret = secret_file.read(site.instance.path(password), secret_file.LARGEST)
    user = {"name": "glance", "domain": domain, "password": secret}
    scope = {"project": {"name": "service", "domain": domain}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    answer = _ask(site, "POST", f"{url}/auth/tokens", 201, body={"auth": auth})
    return str(answer.headers["X-Subject-Token"])


def _try(site: Site, images: str, headers: Mapping[str, str]) -> None:
    facts = {"name": f"{_NAME} {os.getpid()}", "disk_format": "raw", "container_format": "bare"}
    made = _ask(site, "POST", images, 201, headers, body=facts)
    image = f"{images}/{json.loads(made.body)['id']}"
    try:
        content = os.urandom(_SIZE)
        _ask(site, "PUT", f"{image}/file", 204, {**headers, "Content-Type": "application/octet-stream"}, body=content)
        got = _ask(site, "GET", f"{image}/file", 200, headers)
        if sha256(got.body).digest() != sha256(content).digest():
            raise _failed(image, f"{len(got.body)} bytes came out, which are not those of the image")
    finally:
        _ask(site, "DELETE", image, 204, headers)


def _ask(
    site: Site,
    method: str,
    url: str,
    status: int,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    body: Any = None,
) -> Answer:
    try:
        answer = web.request(site, method, url, body=body, headers=headers, seconds=_PATIENCE)
    except OSError as error:
        raise _failed(url, f"{method}: {error}") from error
    if answer.status != status:
        raise _failed(url, f"{method} is answered with {answer.status}, not {status}: {answer.body[:200]!r}")
    return answer


def _failed(url: str, why: str) -> Failure:
    hint = "look in the instance's log directory"
    return Failure(Exit.VERIFICATION, Problem("the image service does not work", where=url, why=why, hint=hint))
