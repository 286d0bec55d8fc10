"""An operator's LDAP directory whose users may log in: a Keystone domain with its users there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from installer.bundle.api import HIDDEN, RenderedFile, Site
from installer.errors import Exit, Failure, Problem
from installer.host import network
from installer.kit.credential import Credential, useless

from . import programs, settings

#: Answers that apply to one run: the password is kept in a file of the instance.
TRANSIENT = ("ldap-password-file",)
PASSWORD = "keys/ldap-password"  # noqa: S105
CA = "keys/ldap-ca.pem"

_CREDENTIAL = Credential("directory", "ldap-password-file", PASSWORD, "ldap-ca", CA)
_EXAMPLE = "give ldaps://HOST or ldap://HOST, with a port if it is not the usual one"

#: Keystone's settings for the names of users and groups in each kind of directory.
_SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "openldap": {
        "user_objectclass": "inetOrgPerson",
        "user_id_attribute": "uid",
        "user_name_attribute": "uid",
        "group_objectclass": "groupOfNames",
        "group_id_attribute": "cn",
        "group_name_attribute": "cn",
    },
    # Computers are users there, too; 2 is the bit of a disabled account.
    "ad": {
        "user_objectclass": "user",
        "user_filter": "(objectCategory=person)",
        "user_id_attribute": "sAMAccountName",
        "user_name_attribute": "sAMAccountName",
        "user_enabled_attribute": "userAccountControl",
        "user_enabled_mask": "2",
        "user_enabled_default": "512",
        "group_objectclass": "group",
        "group_id_attribute": "sAMAccountName",
        "group_name_attribute": "sAMAccountName",
    },
}

#: The same for every kind. Each process serves one request at a time, so it needs few connections. A login has a
#: separate connection: a wrong password would be tried on each idle one of a pool, and count as often. A request waits
#: for a server that does not answer for twice the time of a connection.
_COMMON: Mapping[str, str] = {
    "query_scope": "sub",
    "page_size": "1000",
    "chase_referrals": "false",
    "user_attribute_ignore": "default_project_id",
    "use_pool": "true",
    "pool_size": "4",
    "pool_retry_max": "1",
    "pool_connection_timeout": "5",
    "use_auth_pool": "false",
    "connection_timeout": "5",
}

#: Answers that apply only to a directory.
_ABOUT = ("ldap-bind-dn", "ldap-password-file", "ldap-ca", "ldap-suffix", "ldap-user-base", "ldap-group-base")
#: The message and the hint for each fault of directory_probe.py.
_FAULTS = {
    "away": ("the directory cannot be reached", "start it, open its port to this host, or correct --ldap-url"),
    "trust": (
        "there is no protected connection to the directory",
        "give the certificate of its authority with --ldap-ca, and name the server as its certificate does",
    ),
    "login": (
        "the directory refuses the account",
        "correct --ldap-bind-dn, and give its password with --ldap-password-file",
    ),
    "base": (
        "the directory does not have an entry, or not for this account",
        "correct --ldap-suffix, --ldap-user-base or --ldap-group-base, or give the account the right to read there",
    ),
    "other": ("the directory cannot be used", "remove the cause and run the command again"),
}


def is_used(site: Site) -> bool:
    return site.value("ldap-url") is not None


def domain(site: Site) -> str | None:
    """The domain of the directory's users; None without a directory."""
    return site.values("ldap-domain")[0] if is_used(site) else None


def domains(site: Site) -> str:
    """The line of keystone.conf that enables files of domains."""
    return "domain_specific_drivers_enabled = true" if is_used(site) else "# No domain has users of a directory."


def _config(site: Site) -> str:
    return f"{settings.DOMAINS}/keystone.{domain(site)}.conf"


def read_files(site: Site) -> list[str]:
    """Files that every process of Keystone reads when it starts."""
    if not is_used(site):
        return []
    return [_config(site), *([CA] if _has_tls(site) else [])]


def rendered_files(site: Site) -> list[RenderedFile]:
    """The domain's configuration, and copies of the operator's files. Raises PREFLIGHT if they cannot be used."""
    if not is_used(site):
        return []
    problems = check(site)
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)
    mode = site.account.secret_mode
    shown = None if _CREDENTIAL.password(site) is None else _text(site, shown=True)
    config = RenderedFile(_config(site), _text(site), mode, site.account.readable, shown=shown)
    return [config, *_CREDENTIAL.rendered_files(site)]


def _text(site: Site, *, shown: bool = False) -> bytes:
    """The domain's configuration; `shown`: without the password."""
    head = (
        "# Rendered by init/bootstrap.sh, which writes it again when the answers change.\n"
        "# For a domain with your own settings, add a file beside this one: keystone.NAME.conf.\n"
    )
    lines = [f"{name} = {HIDDEN if shown and name == 'password' else value}" for name, value in _settings(site)]
    return "\n".join([f"{head}\n[identity]\ndriver = ldap\n\n[ldap]", *lines, ""]).encode()


def _settings(site: Site) -> Iterator[tuple[str, str]]:
    yield "url", _quoted(site.value("ldap-url") or "")
    user, secret = site.value("ldap-bind-dn"), _CREDENTIAL.password(site)
    if user is not None and secret is not None:
        yield "user", _quoted(user)
        yield "password", _quoted(secret)
    yield "suffix", _quoted(_suffix(site))
    yield "user_tree_dn", _quoted(site.value("ldap-user-base") or _suffix(site))
    yield "group_tree_dn", _quoted(site.value("ldap-group-base") or _suffix(site))
    if _has_tls(site):
        yield "use_tls", str(_starts_tls(site)).lower()
        yield "tls_cacertfile", _quoted(site.instance.path(CA))
        yield "tls_req_cert", "demand"
    yield from _COMMON.items()
    yield from _SCHEMAS[site.values("ldap-schema")[0]].items()


def _quoted(text: str) -> str:
    """Any text as a value of an oslo.config file, which removes one pair of quotes and does not substitute `\\$`, not
    even after another backslash. See oslo_config/iniparser.py, and _substitute in its cfg.py."""
    return '"' + text.replace("$", r"\$") + '"'


def _suffix(site: Site) -> str:
    return site.value("ldap-suffix") or ""


def _starts_tls(site: Site) -> bool:
    return site.value("ldap-starttls") == "true"


def _has_tls(site: Site) -> bool:
    return _starts_tls(site) or _url(site).scheme == "ldaps"


def _url(site: Site) -> SplitResult:
    try:
        return urlsplit(site.value("ldap-url") or "")
    except ValueError:
        return urlsplit("")


def check(site: Site) -> list[Problem]:
    """Problems with the answers and with the files that they name. Contacts no server."""
    return list(_faults(site) if is_used(site) else useless(site, _ABOUT, without="ldap-url"))


def _faults(site: Site) -> Iterator[Problem]:
    yield from _url_faults(_url(site))
    if _starts_tls(site) and _url(site).scheme == "ldaps":
        hint = "leave --ldap-starttls out, or give ldap:// in --ldap-url"
        yield Problem("--ldap-starttls is given for ldaps://", why="that connection is protected already", hint=hint)
    if _has_tls(site) and site.value("ldap-ca") is None:
        hint = "give the certificate of its authority with --ldap-ca"
        yield Problem("nothing says how the directory's certificate is to be checked", hint=hint)
    if site.value("ldap-suffix") is None:
        hint = "give it as in --ldap-suffix dc=example,dc=org"
        yield Problem("nothing says where in the directory the users are", hint=hint)
    if (site.value("ldap-domain") or "").lower() == "default":
        why = "it has the administrator and the accounts of services"
        yield Problem("the domain Default cannot be a directory's", why=why, hint="choose another with --ldap-domain")
    problems = list(_CREDENTIAL.faults(site))
    yield from problems
    if not problems and (site.value("ldap-bind-dn") is None) != (_CREDENTIAL.password(site) is None):
        hint = "give both --ldap-bind-dn and --ldap-password-file, or none of them"
        yield Problem("an account of the directory and its password belong together", hint=hint)


def _url_faults(url: SplitResult) -> Iterator[Problem]:
    what = "not a valid value for --ldap-url"
    if url.scheme not in ("ldap", "ldaps"):
        yield Problem(what, why="it must begin with ldaps:// or ldap://", hint=_EXAMPLE)
        return
    try:
        valid = url.port != 0
    except ValueError:
        valid = False
    if not valid:
        yield Problem(what, why="a port is a number from 1 to 65535", hint=_EXAMPLE)
    if "@" in url.netloc:
        yield Problem(what, why="it names an account", hint="give that with --ldap-bind-dn")
    elif not url.hostname:
        yield Problem(what, why="it names no host", hint=_EXAMPLE)
    if url.path not in ("", "/") or url.query or url.fragment:
        hint = "give the entry below which users are with --ldap-suffix"
        yield Problem(what, why="it says more than a host and a port", hint=hint)


def warn(site: Site) -> list[Problem]:
    """Warnings about settings that work but are unusual."""
    if not is_used(site) or _has_tls(site) or network.is_loopback(_url(site).hostname or ""):
        return []
    return [
        Problem(
            "the connection to the directory is not protected",
            where=site.value("ldap-url") or "",
            why="others on the network may read the passwords of all its users, and answer in its place",
            hint="give ldaps:// in --ldap-url, or --ldap-starttls, and --ldap-ca",
        )
    ]


def check_outside(site: Site) -> list[Problem]:
    """Problems that prevent Keystone from finding users in the directory. Does not change it."""
    if not is_used(site) or check(site):
        return []
    facts = programs.ask(site, "ksbundle_keystone.directory_probe", _request(site))
    if "fault" not in facts:
        return []
    what, hint = _FAULTS[facts["fault"]]
    return [Problem(what, where=site.value("ldap-url") or "", why=facts["why"], hint=hint)]


def _request(site: Site) -> Mapping[str, object]:
    authority = _CREDENTIAL.authority(site) if _has_tls(site) else None
    bases: Sequence[str | None] = [site.value(f"ldap-{name}") for name in ("suffix", "user-base", "group-base")]
    return {
        "url": site.value("ldap-url"),
        "starttls": _starts_tls(site),
        "authority": None if authority is None else authority.decode("ascii", "replace"),
        "user": site.value("ldap-bind-dn"),
        "password": _CREDENTIAL.password(site),
        "bases": [base for base in bases if base is not None],
    }
