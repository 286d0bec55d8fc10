"""The files of an instance, rendered from the templates."""

from __future__ import annotations

import os

from installer.bundle.api import Directory, RenderedFile, Site
from installer.kit import addresses, memcached, servers, tls, wsgi
from installer.state import files

from . import settings

CONFIG_DIRECTORY = "etc/keystone.conf.d"
FERNET_KEYS = "keys/fernet"
CREDENTIAL_KEYS = "keys/credential"
DATABASE = "data/keystone.db"


def directories(site: Site) -> list[Directory]:
    """What the service may only read is root's where root installs; what it writes is its own."""
    readable, own = site.account.readable, site.account.owner
    return [
        Directory("etc", 0o750, readable),
        Directory(CONFIG_DIRECTORY, 0o750, readable),
        Directory("etc/domains", 0o750, readable),
        Directory("keys", 0o700, own),
        *tls.directories(site),
        Directory("data", 0o700, own),
        Directory("log", 0o750, own),
        Directory("log/keystone", 0o750, own),
        Directory("run", 0o750, own),
        Directory("tmp", 0o700, own),
        *servers.directories(site, settings.applications(site)),
    ]


def rendered_files(site: Site) -> list[RenderedFile]:
    """What the service reads."""
    values = _values(site)

    def rendered(path: str) -> RenderedFile:
        content = settings.fill(site, os.path.basename(path), values)
        return RenderedFile(path, content.encode(), 0o640, site.account.readable)

    return [
        rendered(settings.CONFIG),
        rendered(settings.WSGI),
        *servers.rendered_files(site, settings.applications(site)),
        *tls.rendered_files(site),
    ]


def _values(site: Site) -> dict[str, str]:
    path = site.instance.path
    return {
        "cache_socket": path(memcached.SOCKET),
        "config": path(settings.CONFIG),
        "config_directory": path(CONFIG_DIRECTORY),
        "credential_keys": path(CREDENTIAL_KEYS),
        "database": database_url(path(DATABASE)),
        "domains": path("etc", "domains"),
        "fernet_keys": path(FERNET_KEYS),
        "hsts": str(wsgi.hsts(site)),
        "jws_private_keys": path("keys", "jws-private"),
        "jws_public_keys": path("keys", "jws-public"),
        "lockout": _lockout(site),
        "log_file": path(settings.KEYSTONE_LOG),
        "policy_directory": path("etc", "policy.d"),
        "policy_file": path("etc", "policy.yaml"),
        "modules": wsgi.modules(site),
        "names": path(settings.NAMES),
        "max_active_keys": str(settings.max_active_keys(site)),
        "public_endpoint": _public_endpoint(site),
        "sso_template": path("etc", "sso_callback_template.html"),
        "temporary": site.instance.temporary,
        "trusted_proxies": repr(addresses.proxies(site)),
    }


def check_command(site: Site) -> list[str]:
    """What loads Keystone as its servers do, and ends at a setting that it does not accept."""
    code = "import sys; from ksbundle_keystone import settings; sys.exit(settings.check(sys.argv[1]))"
    return [site.release.path("bin", "python3"), "-I", "-B", "-c", code, site.instance.path(settings.WSGI)]


def is_edited(site: Site) -> bool:
    """Whether Keystone is told anything that was not rendered."""
    directory = site.instance.path(CONFIG_DIRECTORY)
    if not files.is_directory(directory) or files.names(directory):
        return True
    rendered = {file.path: file.content for file in rendered_files(site)}
    return any(files.read(site.instance.path(name)) != rendered[name] for name in settings.KEYSTONE_FILES)


def database_url(path: str) -> str:
    """SQLAlchemy takes the path as it is, up to the question mark. A writer waits for others for up to 30 s."""
    return f"sqlite:///{path}?timeout=30"


def _public_endpoint(site: Site) -> str:
    """Links in answers follow the address that a client used, one of this host, unless the operator gives a URL."""
    if site.value("public-url") is None:
        return "# public_endpoint follows the address a client used"
    return f"public_endpoint = {settings.base_url(site).replace('$', '$$')}"


def _lockout(site: Site) -> str:
    """Keystone has a lower bound of one on both."""
    attempts, duration = site.values("lockout")[0], site.values("lockout-duration")[0]
    if attempts == "0":
        return "# No number of wrong passwords locks an account."
    return f"lockout_failure_attempts = {attempts}\nlockout_duration = {duration}"
