"""Files that an operator would otherwise write after an install: the users' credentials, and how to use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from installer.bundle.api import RenderedFile, Site
from installer.bundle.render import FILTERS, fill
from installer.kit import tls

from . import configuration, password, settings, users
from .users import User

CLOUDS = "clouds.yaml"


def rendered_files(site: Site) -> list[RenderedFile]:
    """The credentials' files: without secrets, but readable only by the operator."""
    return [RenderedFile(path, content.encode(), 0o600, None) for path, content in _credentials(site)]


def _credentials(site: Site) -> Iterator[tuple[str, str]]:
    facts = _facts(site)
    clouds = fill(__file__, CLOUDS, facts)
    for user in users.users(site):
        values = {**facts, **_identity(site, user)}
        clouds += fill(__file__, "cloud.yaml", values)
        yield user.openrc, fill(__file__, "openrc.sh", values)
    yield CLOUDS, clouds


def _identity(site: Site, user: User) -> Mapping[str, str]:
    return {
        "password_file": password.file(site, user),
        "path": site.instance.path(user.openrc),
        "project": user.project,
        "user": user.name,
    }


def _facts(site: Site) -> Mapping[str, str]:
    # The certificate by which clients trust the service, if no public authority signed it.
    certificate = site.instance.path(tls.CERTIFICATE) if tls.is_private(site) else None
    return {
        "ca_in_clouds": "" if certificate is None else f"    cacert: {FILTERS['yaml'](certificate)}\n",
        "ca_in_openrc": "unset OS_CACERT" if certificate is None else f"export OS_CACERT={quote(certificate)}",
        "public_url": settings.public_url(site),
        "region": settings.region(site),
    }


def next_steps(site: Site) -> list[str]:
    """How to use it, change the administrator's password, and add settings."""
    release, instance = site.release, site.instance
    values = {
        "account": site.account.name,
        "admin_openrc": instance.path(users.ADMIN.openrc),
        "admin_password": password.file(site),
        "clouds": instance.path(CLOUDS),
        "config": instance.path(settings.CONFIG),
        "config_directory": instance.path(configuration.CONFIG_DIRECTORY),
        "keystone_manage": release.path("bin", "keystone-manage"),
        "openstack": release.path("bin", "openstack"),
        "restart": site.command_line("restart"),
    }
    return [fill(__file__, "next-steps", values)]
