"""An operator's OpenID Connect provider at which users log in: httpd's module asks it, and Keystone maps its claims."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from installer.bundle.api import HIDDEN, RenderedFile, Site
from installer.bundle.render import fill
from installer.errors import Exit, Failure, Problem
from installer.kit import addresses
from installer.kit.credential import Credential, useless
from installer.state import files

from . import settings

#: Answers that apply to one run: the secret is kept in a file of the instance.
TRANSIENT = ("oidc-client-secret-file",)
SECRET = "keys/oidc-client-secret"  # noqa: S105
CA = "keys/oidc-ca.pem"
#: Directives for httpd, with the secret.
CONFIG = "etc/httpd-openid.conf"
CALLBACK = "etc/sso_callback_template.html"
MODULE = "modules/mod_auth_openidc.so"
#: The protocol's name in Keystone, and the prefix of the variables that hold claims. The module passes claims only as
#: variables, which no client can set, not as headers.
PROTOCOL = "openid"
CLAIMS = "OIDC_CLAIM_"

#: Answers that apply only to a provider.
_ABOUT = ("oidc-client-id", "oidc-client-secret-file", "oidc-ca", "oidc-dashboard")
_CREDENTIAL = Credential("provider", "oidc-client-secret-file", SECRET, "oidc-ca", CA, called="client secret")
#: Where the provider sends browsers back to.
_REDIRECT = f"/auth/OS-FEDERATION/websso/{PROTOCOL}/redirect_uri"
_METADATA = "/.well-known/openid-configuration"
_EXAMPLE = "give https://HOST, with the port and path of its issuer"
#: Keystone's methods without `external`, which would take a federated user's name for an account's, and the protocol.
_METHODS = f"password,token,oauth1,mapped,application_credential,{PROTOCOL}"


def is_used(site: Site) -> bool:
    return site.value("oidc-issuer") is not None


def has_module(site: Site) -> bool:
    """Whether the bundle has httpd's module."""
    return files.exists(site.release.path(MODULE))


def directives(site: Site) -> str:
    """The file with directives for httpd, relative to the instance; empty without a provider."""
    return CONFIG if is_used(site) else ""


def federation(site: Site) -> str:
    """The lines of keystone.conf that follow its section [federation]."""
    if not is_used(site):
        return "# No users of an OpenID Connect provider."
    dashboard = site.value("oidc-dashboard")
    lines = [f"assertion_prefix = {CLAIMS}", *([f"trusted_dashboard = {_escaped(dashboard)}"] if dashboard else [])]
    sections = ["", "[auth]", f"methods = {_METHODS}", "", f"[{PROTOCOL}]", f"remote_id_attribute = {CLAIMS}iss"]
    return "\n".join([*lines, *sections])


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def rendered_files(site: Site) -> list[RenderedFile]:
    """Directives for httpd, the page that returns to a dashboard, and copies of the operator's files. Raises PREFLIGHT
    if they cannot be used."""
    if not is_used(site):
        return []
    problems = check(site)
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    mode = site.account.secret_mode
    secret = _CREDENTIAL.password(site) or ""
    content, shown = _directives(site, secret), _directives(site, HIDDEN)
    readable = site.account.readable
    config = RenderedFile(CONFIG, content, mode, readable, shown=shown)
    callback = RenderedFile(CALLBACK, fill(__file__, "sso_callback_template.html", {}).encode(), 0o640, readable)
    return [config, callback, *_CREDENTIAL.rendered_files(site)]


def _directives(site: Site, secret: str) -> bytes:
    proxies = addresses.proxies(site)
    forwarded = "OIDCXForwardedHeaders X-Forwarded-Host X-Forwarded-Proto"
    values = {
        "ca": site.instance.path(CA),
        "claims": CLAIMS,
        "client_id": site.value("oidc-client-id") or "",
        "forwarded": forwarded if proxies else "# No proxy is trusted: headers that forward requests are ignored.",
        "issuer": site.value("oidc-issuer") or "",
        "metadata": _metadata_url(site),
        "protocol": PROTOCOL,
        "provider": site.values("oidc-provider")[0],
        "redirect": f"{settings.public_url(site)}{_REDIRECT}",
        "scope": site.values("oidc-scope")[0],
        "secret": secret,
    }
    return fill(__file__, "httpd-openid.conf", values).encode()


def _metadata_url(site: Site) -> str:
    return (site.value("oidc-issuer") or "").rstrip("/") + _METADATA


def check(site: Site) -> list[Problem]:
    """Problems with the answers and with the files that they name. Contacts no server."""
    return list(_faults(site) if is_used(site) else useless(site, _ABOUT, without="oidc-issuer"))


def _faults(site: Site) -> Iterator[Problem]:
    if not has_module(site):
        yield Problem(
            "this bundle cannot ask an OpenID Connect provider",
            why=f"--oidc-issuer requires mod_auth_openidc, which is not in {site.release.bundle['name']}",
            hint="use the bundle keystone-oidc",
        )
    if site.values("server")[0] != "mod_wsgi":
        yield Problem(
            "uWSGI cannot ask an OpenID Connect provider",
            why="only httpd has a module for that",
            hint="leave --server out, or --oidc-issuer; --server= and --oidc-issuer= remove them",
        )
    yield from _url_faults(site.value("oidc-issuer") or "")
    if urlsplit(settings.base_url(site)).path:
        why = "the provider sends browsers to that path, and httpd sees another one"
        hint = "give a --public-url with a name of its own, whose path is /v3 or none"
        yield Problem("--public-url has a path, with which --oidc-issuer does not work", why=why, hint=hint)
    dashboard = site.value("oidc-dashboard")
    if dashboard is not None and urlsplit(dashboard).scheme not in ("http", "https"):
        yield Problem("not a valid value for --oidc-dashboard", hint="give it as in https://HOST/auth/websso/")
    if site.value("oidc-client-id") is None:
        hint = "register Keystone at the provider, and give its identifier with --oidc-client-id"
        yield Problem("nothing says which client of the provider Keystone is", hint=hint)
    if site.value("oidc-ca") is None:
        hint = "give the certificate of its authority with --oidc-ca"
        yield Problem("nothing says how the provider's certificate is to be checked", hint=hint)
    problems = list(_CREDENTIAL.faults(site))
    yield from problems
    if not problems:
        yield from _secret_faults(site)


def _secret_faults(site: Site) -> Iterator[Problem]:
    secret = _CREDENTIAL.password(site)
    if secret is None:
        yield Problem("Keystone has no secret for the provider", hint="give it with --oidc-client-secret-file")
    elif not (secret.isascii() and secret.isprintable()) or "${" in secret or secret.startswith("exec:"):
        why = "httpd would change it: it may have only visible ASCII and spaces, no ${, and no exec: at its beginning"
        yield _CREDENTIAL.unusable(site, ValueError(why))


def _url_faults(text: str) -> Iterator[Problem]:
    what = "not a valid value for --oidc-issuer"
    url = _split(text)
    if url is None or url.scheme != "https" or not url.hostname:
        yield Problem(what, why="it must be a URL that begins with https://", hint=_EXAMPLE)
    elif "@" in url.netloc or url.query or url.fragment:
        yield Problem(what, why="an issuer has no account, no ? and no #", hint=_EXAMPLE)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return url if url.port != 0 else None
    except ValueError:
        return None


def check_outside(site: Site) -> list[Problem]:
    """Problems that prevent users from logging in at the provider. Changes nothing there."""
    if not is_used(site) or check(site):
        return []
    # Imported only here: it needs an HTTP client, which takes time to load.
    from . import openid_metadata

    issuer, authority = site.value("oidc-issuer") or "", _CREDENTIAL.authority(site) or b""
    problem = openid_metadata.check(issuer, _metadata_url(site), authority)
    return [] if problem is None else [problem]
