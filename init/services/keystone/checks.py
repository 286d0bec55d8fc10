"""What is wrong with the answers as a whole and with what they name, and what is merely unusual."""

from __future__ import annotations

from installer.bundle.api import Site
from installer.errors import Problem
from installer.kit import addresses, tls, web, wsgi

from . import password, settings

#: What the path of an instance must not contain, since no quoting helps, and why. The path of its configuration is an
#: argument, in which oslo.config substitutes although it reads the file by the path as it stands: see Template and
#: _validate_cli_options in oslo_config/cfg.py.
UNUSABLE = {
    r"\?": "a database URL's parameters would begin there",
    r"\\\$": "Keystone's configuration takes that for a quoted $",
    r"(?i)(?<!\\)\$[a-z_]": "Keystone takes that for the name of a setting",
}


def check_answers(site: Site) -> list[Problem]:
    """What keeps the answers from being used."""
    return [
        *wsgi.check_paths(site),
        *wsgi.check_path("instance", site.instance.root, UNUSABLE),
        *password.check_given(site),
        *tls.check_answers(site),
        *addresses.check(site, addresses.listeners(site)),
    ]


def warn(site: Site) -> list[Problem]:
    """What is unusual, but may be meant."""
    problems = list(web.warn(site, [settings.public_url(site)]))
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        problems.append(
            Problem(
                "the service runs as nobody, an account it may share with others",
                hint="run again with --create-user, which makes an account keystone and gives it the instance",
            )
        )
    return problems
