"""Keystone's configuration, and whether an operator has changed it."""

from __future__ import annotations

from collections.abc import Sequence

from installer.bundle.api import RenderedFile, Site
from installer.kit import wsgi
from installer.state import files

from . import directory, hardening, keys, metrics, nodes, openid, settings

CONFIG_DIRECTORY = "etc/keystone.conf.d"


def values(site: Site) -> dict[str, str]:
    """The values for its templates."""
    path = site.instance.path
    return {
        "config": path(settings.CONFIG),
        "config_directory": path(CONFIG_DIRECTORY),
        "domains": directory.domains(site),
        "federation": openid.federation(site),
        "metrics": path(metrics.directory(site)) if metrics.listeners(site) else "",
        "max_active_keys": str(settings.max_active_keys(site)),
        "public_endpoint": settings.public_endpoint(settings.base_url(site) if site.value("public-url") else None),
        "several_nodes": str(nodes.may_share(site)).lower(),
        "security_compliance": hardening.settings(site),
        "token_provider": keys.provider(site),
        **wsgi.door_values(site, settings.NAMES, settings.REQUEST_ID),
    }


def check_command(site: Site) -> list[str]:
    """The command that loads Keystone like its servers and fails if a setting is invalid."""
    code = "import sys; from ksbundle_keystone import settings; sys.exit(settings.check(sys.argv[1]))"
    return [site.release.path("bin", "python3"), "-I", "-B", "-c", code, site.instance.path(settings.WSGI)]


def is_edited(site: Site, rendered: Sequence[RenderedFile]) -> bool:
    """Whether Keystone has any setting that the installer did not render."""
    own = site.instance.path(CONFIG_DIRECTORY)
    if not files.is_directory(own) or files.names(own):
        return True
    content = {file.path: file.content for file in rendered}
    read = [*settings.KEYSTONE_FILES, *directory.read_files(site)]
    return any(files.read(site.instance.path(name)) != content[name] for name in read)
