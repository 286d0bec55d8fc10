"""How a host that systemd does not run starts the service when it boots, and looks after it: texts for an operator.

Facts: crontab(5), openrc-run(8).
"""

from __future__ import annotations

import os
from shlex import quote

from .product import Site
from .release import DEFAULT_INSTANCE
from .render import render

_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def bootstrap(site: Site) -> str:
    """The program that looks after the instance, for sh."""
    return quote(site.release.path("init", "bootstrap.sh"))


def option(site: Site) -> str:
    """What a command of it needs so that it finds the instance: empty, or an option after a space."""
    root = site.instance.root
    return "" if root == site.release.path(DEFAULT_INSTANCE) else f" --instance {quote(root)}"


def cron_lines(site: Site) -> list[str]:
    """Lines of a crontab: the start at boot, and what is due every hour. cron mails what they print."""
    return [
        f"{when} {_escape(f'{bootstrap(site)} {command}{option(site)}')}"
        for when, command in (("@reboot", "start"), ("17 * * * *", "maintain"))
    ]


def _escape(command: str) -> str:
    """A `%` of a command in a crontab is the end of its line."""
    return command.replace("%", "\\%")


def render_openrc(site: Site) -> str:
    """A service of OpenRC."""
    with open(os.path.join(_TEMPLATES, "openrc"), encoding="utf-8") as file:
        template = file.read()
    return render(
        template,
        {
            "bootstrap": bootstrap(site),
            "description": site.release.name,
            "name": site.values("service-name")[0],
            "option": option(site),
        },
    )
