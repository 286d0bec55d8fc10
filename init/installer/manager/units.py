"""The unit files of an instance that systemd runs. Facts: systemd.unit(5), systemd.service(5), systemd.syntax(7)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..bundle.api import RenderedFile, Site
from ..bundle.render import fill, quote_unit_argument
from ..host.processes import Daemon
from ..state import files, receipt
from ..state.instance import RUN, UNIT_DIRECTORY, UNIT_ENDINGS, Instance
from ..state.receipt import Receipt
from .sandbox import Needs, render_sandbox

DIRECTORY = UNIT_DIRECTORY
#: Directories of units of packages and of the running system; one of ours would override theirs.
FOREIGN_DIRECTORIES = ("/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
MAINTAIN = "maintain"
#: Ten times the measured use of its processes: the installer, and one that loads the service's code.
MAINTAIN_MEMORY = 2 << 30
MAINTAIN_TASKS = 64

_OWNER_LINE = "# Unit of the instance "


@dataclass(frozen=True)
class Names:
    """The names of an instance's units; `base` is the answer `service-name`."""

    base: str

    @property
    def target(self) -> str:
        """The unit that groups them all."""
        return f"{self.base}.target"

    @property
    def timer(self) -> str:
        return f"{self.base}-{MAINTAIN}.timer"

    @property
    def maintain(self) -> str:
        return f"{self.base}-{MAINTAIN}.service"

    def daemon(self, daemon: Daemon) -> str:
        return f"{self.base}-{daemon.name}.service"


def wants_systemd(site: Site) -> bool:
    """Whether the answers say that systemd runs the instance."""
    return site.value("service") == "systemd"


def wanted_names(site: Site) -> Names:
    """The names according to the answers."""
    return Names(site.values("service-name")[0])


def render_units(site: Site, daemons: Sequence[Daemon]) -> list[RenderedFile]:
    """All unit files, with absolute paths. Each daemon wants those before it, but runs without them too."""
    names = wanted_names(site)
    units = [names.daemon(daemon) for daemon in daemons]
    contents = {names.target: _render(site, "service.target", units=" ".join([*units, names.timer]))}
    for index, daemon in enumerate(daemons):
        contents[units[index]] = _render_daemon(site, daemon, units[:index])
    bootstrap = [site.release.path("init", "bootstrap.sh"), MAINTAIN, "--instance", site.instance.root]
    contents[names.maintain] = _render(
        site,
        "maintain.service",
        command=_command(bootstrap),
        sandbox=render_sandbox(
            site, Needs(place=RUN, writes=("keys", "log", "tmp"), memory=MAINTAIN_MEMORY, tasks=MAINTAIN_TASKS)
        ),
    )
    contents[names.timer] = _render(site, "maintain.timer")
    return [
        RenderedFile(os.path.join(DIRECTORY, name), content.encode(), 0o644, None) for name, content in contents.items()
    ]


def _render_daemon(site: Site, daemon: Daemon, needs: Sequence[str]) -> str:
    return _render(
        site,
        "daemon.service",
        description=f"{site.release.name}, {daemon.name}",
        needs=" ".join(needs),
        leftovers="\n".join(f"ExecStartPre=-{_command(['/bin/rm', '-f', '--', path])}" for path in daemon.leftovers),
        command=_command(daemon.argv),
        ending=daemon.ending.name,
        sandbox=render_sandbox(
            site,
            Needs(
                place=os.path.join(RUN, daemon.name),
                writes=("data", "log", "run", "tmp"),
                network=daemon.network,
                low_ports=daemon.low_ports,
                memory=daemon.memory,
                tasks=daemon.tasks,
                environment=daemon.environment,
            ),
        ),
    )


def _render(site: Site, template: str, **values: str) -> str:
    common = {
        "description": f"{site.release.name}, {template.partition('.')[0]}",
        "instance": site.instance.root,
        "release": site.release.root,
        "target": wanted_names(site).target,
    }
    return fill(__file__, template, {**common, **values})


def _command(argv: Sequence[str]) -> str:
    """A command line of a unit. systemd refuses a program whose path has quotes or backslashes; a shell does not."""
    if re.search(r"[\"'\\]", argv[0]):
        argv = ["/bin/sh", "-c", 'exec "$0" "$@"', *argv]
    return " ".join(map(quote_unit_argument, argv))


def find_owner(path: str) -> str | None:
    """The instance that a unit file belongs to; empty if it is not ours, None if the file does not exist."""
    content = files.read(path)
    if content is None:
        return None
    first = content.decode("utf-8", "replace").partition("\n")[0]
    return first[len(_OWNER_LINE) :] if first.startswith(_OWNER_LINE) else ""


def homes(*instances: Instance) -> set[str]:
    """All paths of the instance, given by those it has or is about to have: a unit file that names one belongs to it.
    The former path of a copy does not count, as the original is still there."""
    found = {instance.root for instance in instances}
    for recorded in (receipt.read(instance.receipt) for instance in instances):
        if recorded is not None and not files.is_taken(recorded.instance_path):
            found.add(recorded.instance_path)
    return found


def find_own(*instances: Instance) -> list[str]:
    """Paths of the instance's unit files, whatever name they were given, sorted."""
    try:
        names = files.names(DIRECTORY)
    except OSError:
        return []
    own = homes(*instances)
    paths = [os.path.join(DIRECTORY, name) for name in names if name.endswith(UNIT_ENDINGS)]
    return [path for path in paths if not os.path.islink(path) and find_owner(path) in own]


def installed_names(instance: Instance) -> Names | None:
    """The names according to the disk; None if systemd does not run this instance."""
    targets = [os.path.basename(path) for path in find_own(instance) if path.endswith(".target")]
    return Names(targets[-1].removesuffix(".target")) if targets else None


def recorded_files(instance: Instance, recorded: Receipt | None) -> Mapping[str, Mapping[str, str]]:
    """The files that this instance may replace and remove: those of its receipt that no other instance took over, and
    unit files of a run that was interrupted before it wrote a receipt."""
    known = dict(recorded.files) if recorded is not None else {}
    inside = {path: facts for path, facts in known.items() if not os.path.isabs(path)}
    return {**inside, **{path: known.get(path, {}) for path in find_own(instance)}}
