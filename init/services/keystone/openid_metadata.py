"""What an OpenID Connect provider says about itself (OpenID Connect Discovery)."""

from __future__ import annotations

import json
import ssl
from typing import Any
from urllib.error import URLError

from installer.errors import Problem
from installer.kit import http_client, pair
from installer.kit.answer import Answer

#: Seconds for its answer.
_PATIENCE = 10
#: What the flow of a browser needs.
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def check(issuer: str, url: str, authority: bytes) -> Problem | None:
    """Asks for the metadata at a URL of the issuer, and trusts only these certificates (PEM)."""
    try:
        context = pair.client_context(pair.trust_blocks(authority), check_name=True)
        answer = http_client.request("GET", url, context=context, seconds=_PATIENCE)
    except OSError as error:
        reason = error.reason if isinstance(error, URLError) else error
        return _trust(url, reason) if isinstance(reason, ssl.SSLError) else _away(url, reason)
    return _fault(issuer, url, answer)


def _trust(url: str, error: ssl.SSLError) -> Problem:
    what = "there is no protected connection to the OpenID Connect provider"
    hint = "give the certificate of its authority with --oidc-ca, and name the server as its certificate does"
    return Problem(what, where=url, why=str(error), hint=hint)


def _away(url: str, reason: object) -> Problem:
    hint = "start it, open its port to this host, or correct --oidc-issuer"
    return Problem("the OpenID Connect provider cannot be reached", where=url, why=str(reason), hint=hint)


def _fault(issuer: str, url: str, answer: Answer) -> Problem | None:
    what = "the OpenID Connect provider does not describe itself there"
    hint = "correct --oidc-issuer"
    if answer.status != 200:
        return Problem(what, where=url, why=f"it answers with {answer.status}", hint=hint)
    try:
        metadata: Any = json.loads(answer.body)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        return Problem(what, where=url, why="its answer is not a JSON object", hint=hint)
    if metadata.get("issuer") != issuer:
        why = f"it calls itself {json.dumps(metadata.get('issuer'))}"
        return Problem("the OpenID Connect provider has another issuer", where=url, why=why, hint=hint)
    missing = [name for name in _ENDPOINTS if not isinstance(metadata.get(name), str)]
    if missing:
        return Problem(what, where=url, why=f"its description has no {missing[0]}", hint="use another provider")
    return None
