"""What an operator would write by hand after an install: credentials of the users, and a page on what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from installer.bundle.api import RenderedFile, Site
from installer.bundle.render import FILTERS
from installer.engine import guards, lifecycle
from installer.engine.guards import Advice
from installer.kit import addresses, tls
from installer.manager import boot_time

from . import configuration, password, settings, users
from .users import User

CLOUDS = "clouds.yaml"
NEXT_STEPS = "NEXT-STEPS"
OPENRC_SERVICE = "openrc-service"


def rendered_files(site: Site) -> list[RenderedFile]:
    """The service's files, then the operator's. None holds a secret, but the operator's are nobody else's business."""
    own = [*_credentials(site), (NEXT_STEPS, settings.fill(site, NEXT_STEPS, _values(site)))]
    if not lifecycle.wants_systemd(site):
        own.append((OPENRC_SERVICE, boot_time.render_openrc(site)))
    return [
        *configuration.rendered_files(site),
        *(RenderedFile(path, content.encode(), 0o600, None) for path, content in own),
    ]


def _credentials(site: Site) -> Iterator[tuple[str, str]]:
    facts = _facts(site)
    clouds = settings.fill(site, CLOUDS, facts)
    for user in users.users(site):
        values = {**facts, **_identity(site, user)}
        clouds += settings.fill(site, "cloud.yaml", values)
        yield user.openrc, settings.fill(site, "openrc.sh", values)
    yield CLOUDS, clouds


def _identity(site: Site, user: User) -> Mapping[str, str]:
    return {
        "password_file": password.file(site, user),
        "path": site.instance.path(user.openrc),
        "project": user.project,
        "user": user.name,
    }


def _facts(site: Site) -> Mapping[str, str]:
    # What clients trust the service by, where no public authority vouches for it.
    certificate = site.instance.path(tls.CERTIFICATE) if tls.is_private(site) else None
    return {
        "ca_in_clouds": "" if certificate is None else f"    cacert: {FILTERS['yaml'](certificate)}\n",
        "ca_in_openrc": "unset OS_CACERT" if certificate is None else f"export OS_CACERT={quote(certificate)}",
        "public_url": settings.public_url(site),
        "region": settings.region(site),
    }


def _values(site: Site) -> Mapping[str, str]:
    release, instance = site.release, site.instance
    return {
        **_facts(site),
        "account": site.account.name,
        "admin_openrc": instance.path(users.ADMIN.openrc),
        "admin_password": password.file(site),
        "boot_time": _boot_time(site),
        "bootstrap": boot_time.bootstrap(site),
        "clouds": instance.path(CLOUDS),
        "config": instance.path(settings.CONFIG),
        "advice": "\n".join(f"    {line}" for line in guards.lines(_advice(site))),
        "config_directory": instance.path(configuration.CONFIG_DIRECTORY),
        "keystone_manage": release.path("bin", "keystone-manage"),
        "log": instance.log,
        "openstack": release.path("bin", "openstack"),
        "operator": _operator(site),
        "option": boot_time.option(site),
    }


def _boot_time(site: Site) -> str:
    """How the service comes up with its host, and who looks after it."""
    name = site.values("service-name")[0]
    if lifecycle.wants_systemd(site):
        return settings.fill(site, "next-steps-systemd", {"name": name}).rstrip("\n")
    values = {
        "cron": "\n".join(f"    {line}" for line in boot_time.cron_lines(site)),
        "name": name,
        "openrc_service": site.instance.path(OPENRC_SERVICE),
        "operator": _operator(site),
    }
    return settings.fill(site, "next-steps-boot", values).rstrip("\n")


def _operator(site: Site) -> str:
    return "root" if site.account.switch else site.account.name


def _advice(site: Site) -> list[Advice]:
    scripts = [site.instance.path(settings.WSGI)]
    return guards.advise(site, addresses.listeners(site), scripts)


def summary(site: Site) -> list[str]:
    """The last words of an install; the rest stands in NEXT-STEPS."""
    needed = guards.for_this_host(site, _advice(site))
    return [
        f"Keystone serves {settings.public_url(site)}",
        f"  credentials  . {quote(site.instance.path(users.ADMIN.openrc))}",
        f"  try it       {quote(site.release.path('bin', 'openstack'))} token issue",
        f"  next steps   {site.instance.path(NEXT_STEPS)}",
        *(["As root, so that this host's guards let it work:"] if needed else []),
        *(f"  {line}" for line in guards.lines(needed)),
    ]
