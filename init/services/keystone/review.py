"""Reviews the operator's settings and policies, and the data, before this release takes an instance over. Runs
ksbundle_keystone.review as the service's account."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from installer.bundle.api import Remark, Site
from installer.errors import Problem
from installer.kit import command
from installer.state import files

from . import configuration, settings

_DOMAINS = "etc/domains"
#: In Keystone's order: the file, then those of the directory by name.
_POLICY_FILE, _POLICIES = "etc/policy.yaml", "etc/policy.d"


def review(site: Site, edited: Collection[str]) -> list[Remark]:
    """`edited` are rendered files that were changed by hand."""
    request = {
        "config": site.instance.path(settings.CONFIG),
        "config_directory": site.instance.path(configuration.CONFIG_DIRECTORY),
        "settings": [
            *([site.instance.path(settings.CONFIG)] if settings.CONFIG in edited else ()),
            *_below(site, configuration.CONFIG_DIRECTORY, ".conf"),
            *_below(site, _DOMAINS, ".conf"),
        ],
        "policies": [*_existing(site, _POLICY_FILE), *_below(site, _POLICIES, "")],
    }
    argv = [site.release.python, "-I", "-B", "-m", "ksbundle_keystone.review"]
    try:
        found = json.loads(command.run(site, argv, told=json.dumps(request).encode() + b"\n").splitlines()[-1])
    except command.CommandError as error:
        return [_unknown(site, error.why, error.details)]
    except (IndexError, ValueError):
        return [_unknown(site, "its own code gave no answer", [])]
    keys = ("what", "where", "why", "hint")
    return [Remark(Problem(*(each[key] for key in keys)), each["stops"]) for each in found]


def _unknown(site: Site, why: str, details: Sequence[str]) -> Remark:
    what = "the new release could not review settings and policies"
    return Remark(Problem(what, where=site.instance.path("etc"), why=why, details=details))


def _below(site: Site, directory: str, ending: str) -> Iterator[str]:
    path = site.instance.path(directory)
    if files.is_directory(path):
        names = (name for name in sorted(files.names(path)) if name.endswith(ending) and not name.startswith("."))
        yield from (f"{path}/{name}" for name in names)


def _existing(site: Site, name: str) -> Iterator[str]:
    path = site.instance.path(name)
    if files.exists(path):
        yield path
