"""Start at boot and maintenance on a host without systemd: texts for the operator to install, and a search for those
that are still installed.

Facts: crontab(1), crontab(5), openrc-run(8).
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from shlex import quote

from ..bundle.api import Site
from ..bundle.render import fill
from ..errors import Problem
from ..state import files
from ..state.release import DEFAULT_INSTANCE

#: Scripts that start services.
_SCRIPTS = "/etc/init.d/*"
#: Tables of cron that root writes.
_TABLES = ("/etc/crontab", "/etc/cron.d/*")
#: The commands of bootstrap to run at boot, and every hour.
_COMMANDS = ("start", "maintain")


def bootstrap(site: Site) -> str:
    """The path of bootstrap.sh, quoted for sh."""
    return quote(site.release.path("init", "bootstrap.sh"))


def option(site: Site) -> str:
    """The option that names the instance, after a space; empty for the default instance."""
    root = site.instance.root
    return "" if root == site.release.path(DEFAULT_INSTANCE) else f" --instance {quote(root)}"


def cron_lines(site: Site) -> list[str]:
    """Lines of a crontab: the start at boot, and the hourly maintenance. cron mails their output."""
    return [
        f"{when} {_escape(site.command_line(command))}"
        for when, command in zip(("@reboot", "17 * * * *"), _COMMANDS, strict=True)
    ]


def left_behind(site: Site) -> Iterator[Problem]:
    """Reports scripts and crontab lines that an operator installed and that still run commands on the instance, as far
    as this user can read them."""
    wanted = [site.command_line(command) for command in _COMMANDS]
    for path in sorted(glob.glob(_SCRIPTS)):
        if _runs(_read(path), wanted):
            name = quote(os.path.basename(path))
            hint = f"as root: rc-update -a del {name}; rm {quote(path)}"
            yield Problem("a script still starts the instance at boot", where=path, hint=hint)
    escaped = [_escape(line) for line in wanted]
    tables = {path: _read(path) for pattern in _TABLES for path in glob.glob(pattern)}
    tables["crontab -l"] = _own_table()
    for where, text in tables.items():
        if _runs(text, escaped):
            hint = "remove its lines" + (", with crontab -e" if where == "crontab -l" else "")
            yield Problem("cron still runs commands on the instance", where=where, hint=hint)


def _runs(text: str, commands: Sequence[str]) -> bool:
    """Whether a line other than a comment ends with one of the commands. For another instance, an option follows the
    command."""
    endings = tuple(f" {command}" for command in commands)
    return any(f" {line.strip()}".endswith(endings) for line in text.splitlines() if line[:1] != "#")


def _read(path: str) -> str:
    try:
        return (files.read(path) or b"").decode("utf-8", "replace")
    except OSError:
        return ""


def _own_table() -> str:
    """This user's crontab; empty if there is none, or no cron."""
    crontab = shutil.which("crontab")
    if crontab is None:
        return ""
    shown = subprocess.run([crontab, "-l"], stdin=subprocess.DEVNULL, capture_output=True)
    return shown.stdout.decode("utf-8", "replace") if shown.returncode == 0 else ""


def _escape(command: str) -> str:
    """Escapes `%`, which ends a command in a crontab."""
    return command.replace("%", "\\%")


def render_openrc(site: Site) -> str:
    """A service of OpenRC."""
    return fill(
        __file__,
        "openrc",
        {
            "bootstrap": bootstrap(site),
            "description": site.release.name,
            "name": site.values("service-name")[0],
            "option": option(site),
        },
    )
