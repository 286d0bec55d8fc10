"""What an operator would otherwise write after an install: a page of next steps, and a script that starts it at
boot."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..bundle.api import RenderedFile, Site
from ..bundle.render import render_file
from ..host.network import Listener
from ..manager import boot_time, guards, units
from ..manager.guards import Advice

NEXT_STEPS = "NEXT-STEPS"
OPENRC_SERVICE = "openrc-service"
_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
#: Between two sections of NEXT-STEPS.
_GAP = "\n\n\n"


def rendered_files(
    site: Site, serves: Sequence[str], sections: Sequence[str], advice: Sequence[Advice]
) -> list[RenderedFile]:
    """The operator's files: without secrets, but readable only by the operator."""
    texts = {NEXT_STEPS: _next_steps(site, serves, sections, advice)}
    if not units.wants_systemd(site):
        texts[OPENRC_SERVICE] = boot_time.render_openrc(site)
    return [RenderedFile(path, text.encode(), 0o600, None) for path, text in texts.items()]


def _next_steps(site: Site, serves: Sequence[str], sections: Sequence[str], advice: Sequence[Advice]) -> str:
    values = {
        "advice": "\n".join(f"    {line}" for line in guards.lines(advice)),
        "boot_time": _boot_time(site),
        "bootstrap": boot_time.bootstrap(site),
        "host": " --host NEW-ADDRESS" if "host" in site.answers else "",
        "log": site.instance.log,
        "operator": _operator(site),
        "option": boot_time.option(site),
        "serves": "\n".join(serves),
        "services": "".join(section.rstrip("\n") + _GAP for section in sections),
    }
    return _fill(NEXT_STEPS, values)


def _boot_time(site: Site) -> str:
    """How the service starts at boot, and what maintains it."""
    name = site.values("service-name")[0]
    if units.wants_systemd(site):
        return _fill("next-steps-systemd", {"name": name}).rstrip("\n")
    values = {
        "cron": "\n".join(f"    {line}" for line in boot_time.cron_lines(site)),
        "name": name,
        "openrc_service": site.instance.path(OPENRC_SERVICE),
        "operator": _operator(site),
    }
    return _fill("next-steps-boot", values).rstrip("\n")


def _operator(site: Site) -> str:
    return "root" if site.account.switch else site.account.name


def _fill(template: str, values: Mapping[str, str]) -> str:
    return render_file(os.path.join(_TEMPLATES, template), values)


def advise(site: Site, listeners: Sequence[Listener], scripts: Sequence[str]) -> list[Advice]:
    """See guards.py. `scripts` are programs among the instance's files, relative to it."""
    return guards.advise(site, listeners, list(map(site.instance.path, scripts)))


def summary(site: Site, lines: Sequence[str], advice: Sequence[Advice]) -> list[str]:
    """The closing lines of an install; NEXT-STEPS has the rest."""
    needed = guards.for_this_host(site, advice)
    return [
        *lines,
        f"  next steps   {site.instance.path(NEXT_STEPS)}",
        *(["As root, so that this host's security policy and firewall allow it:"] if needed else []),
        *(f"  {line}" for line in guards.lines(needed)),
    ]
