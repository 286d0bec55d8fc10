"""What is wrong with the answers as a whole and with what they name, and what is merely unusual."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from installer.bundle.api import Site
from installer.errors import Problem
from installer.kit import addresses, tls

from . import password, settings

_VARIABLE = {r"\$\{": "httpd's configuration takes that for a variable"}
#: What a path of a release must not contain, since no quoting helps, and why. See PYTHONHOME in Python's documentation.
UNUSABLE_IN_RELEASE = {**_VARIABLE, ":": "the path of Python's own library would end there"}
#: The same of an instance. The path of its configuration is an argument, in which oslo.config substitutes although it
#: reads the file by the path as it stands: see Template and _validate_cli_options in oslo_config/cfg.py.
UNUSABLE_IN_INSTANCE = {
    **_VARIABLE,
    r"\?": "a database URL's parameters would begin there",
    r"\\\$": "Keystone's configuration takes that for a quoted $",
    r"(?i)(?<!\\)\$[a-z_]": "Keystone takes that for the name of a setting",
}


def check_answers(site: Site) -> list[Problem]:
    """What keeps the answers from being used."""
    return [
        *_check_path("release", site.release.root, UNUSABLE_IN_RELEASE),
        *_check_path("instance", site.instance.root, UNUSABLE_IN_INSTANCE),
        *password.check_given(site),
        *tls.check_answers(site),
        *addresses.check(site),
    ]


def _check_path(what: str, path: str, unusable: Mapping[str, str]) -> Iterator[Problem]:
    hint = "move the release" if what == "release" else "choose another place with --instance"
    for pattern, why in unusable.items():
        found = re.search(pattern, path)
        if found:
            yield Problem(f"the {what}'s path contains {found[0]}", where=path, why=why, hint=hint)


def warn(site: Site) -> list[Problem]:
    """What is unusual, but may be meant."""
    name = settings.public_name(site)
    problems = [*tls.warn(site, name), *addresses.warn(name)]
    if site.values("hsts")[0] != "0" and not tls.has_tls(site):
        problems.append(
            Problem(
                "hsts has no effect",
                why="the service does not speak TLS itself; whoever does sets Strict-Transport-Security",
                hint="give --tls-cert and --tls-key, or --hsts= to take it back",
            )
        )
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        problems.append(
            Problem(
                "the service runs as nobody, an account it may share with others",
                hint="run again with --create-user, which makes an account keystone and gives it the instance",
            )
        )
    return problems
