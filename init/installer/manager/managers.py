"""Who starts and stops the daemons: bootstrap itself, or systemd through the instance's units."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..bundle.api import Site
from ..errors import Exit, Failure, Problem
from ..host import processes
from ..host.account import service_environment
from ..host.processes import Daemon, Process
from ..state import files
from . import systemd, unit_faults, units
from .units import Names


class Manager(Protocol):
    def owns(self, daemon: Daemon, main: Process) -> bool:
        """Whether this manager supervises the running daemon."""

    def replace(self, daemon: Daemon, running: Sequence[Process]) -> None:
        """Starts the daemon after it has ended its `running` processes. Raises NEEDS_PERSON."""

    def start_rest(self) -> None:
        """Starts other parts of the service, such as timers."""

    def enable(self) -> None:
        """Enables the service at boot, if the manager can."""

    def is_settled(self) -> bool:
        """Whether it has nothing left to do once it supervises every daemon."""

    def stop(self) -> None:
        """Stops everything that this manager supervises."""

    def place_of_words(self, daemon: Daemon) -> str:
        """Where the operator can read the daemon's output."""

    def last_words(self, daemon: Daemon, lines: int) -> list[str]:
        """The last lines that the daemon printed."""

    def explain(self, daemon: Daemon) -> str:
        """Why the daemon does not run, as far as the manager knows; else empty."""

    def check(self) -> Iterator[Problem]:
        """Problems of the manager itself, not of the daemons."""

    def facts(self) -> Mapping[str, Any]:
        """What the manager knows about the instance, by name, for --json."""


def manager_of(site: Site) -> Manager:
    """The manager according to the disk: unit files exist only if systemd runs the instance."""
    names = units.installed_names(site.instance)
    return Direct(site) if names is None or not systemd.is_running() else Systemd(site, names)


@dataclass(frozen=True)
class Direct:
    """Bootstrap starts the daemons itself; nothing supervises them."""

    site: Site

    def owns(self, _daemon: Daemon, _main: Process) -> bool:
        return True

    def replace(self, daemon: Daemon, running: Sequence[Process]) -> None:
        processes.stop(running)
        for path in daemon.leftovers:
            files.remove(path)
        site = self.site
        environment = {**service_environment(site.release, site.instance.temporary), **daemon.environment}
        child = processes.spawn(daemon, site.instance.run, site.account, environment)
        # A daemon that cannot run at all ends at once; one that lives is watched by wait_ready.
        if processes.wait_until(lambda: child.poll() is not None, 0.05, interval=0.01):
            raise Failure(
                Exit.NEEDS_PERSON,
                Problem(
                    f"{daemon.name} ended at once",
                    where=daemon.log,
                    why=f"exit status {child.returncode}",
                    details=self.last_words(daemon, 8),
                    hint="remove the cause and run the command again",
                ),
            )
        child.returncode = 0  # It is meant to outlive the installer; without this, Popen warns that it still runs.

    def start_rest(self) -> None:
        pass

    def enable(self) -> None:
        pass

    def is_settled(self) -> bool:
        return True

    def stop(self) -> None:
        pass

    def place_of_words(self, daemon: Daemon) -> str:
        return daemon.log

    def last_words(self, daemon: Daemon, lines: int) -> list[str]:
        return self.site.account.run(files.tail, daemon.log, lines)

    def explain(self, _daemon: Daemon) -> str:
        return ""

    def check(self) -> Iterator[Problem]:
        yield from ()

    def facts(self) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True)
class Systemd:
    """systemd starts the daemons and restarts them when they end."""

    site: Site
    names: Names

    @cached_property
    def _units(self) -> Mapping[str, systemd.Unit]:
        own = [os.path.basename(path) for path in units.find_own(self.site.instance)]
        return systemd.find_units(own)

    def owns(self, daemon: Daemon, main: Process) -> bool:
        unit = self._units.get(self.names.daemon(daemon))
        return unit is not None and unit.main_pid == main.pid

    def replace(self, daemon: Daemon, running: Sequence[Process]) -> None:
        unit = self.names.daemon(daemon)
        known = self._units.get(unit)
        main_pid = known.main_pid if known else 0
        processes.stop([process for process in running if main_pid not in (process.session, process.parent)])
        # Earlier attempts must not count against this one.
        systemd.forget_failures([unit])
        systemd.systemctl("restart", "--", unit)

    def start_rest(self) -> None:
        systemd.systemctl("start", "--", self.names.target)

    def enable(self) -> None:
        systemd.systemctl("enable", "--", self.names.target)

    def is_settled(self) -> bool:
        target, timer = self._units.get(self.names.target), self._units.get(self.names.timer)
        return (
            target is not None
            and target.enabled == "enabled"
            and timer is not None
            and target.active == timer.active == "active"
            and not any(unit.outdated for unit in self._units.values())
        )

    def stop(self) -> None:
        systemd.systemctl("stop", "--", *self._units)

    def place_of_words(self, daemon: Daemon) -> str:
        return f"journalctl -u {self.names.daemon(daemon)}"

    def last_words(self, daemon: Daemon, lines: int) -> list[str]:
        return systemd.last_words(self.names.daemon(daemon), lines)

    def explain(self, daemon: Daemon) -> str:
        return unit_faults.explain(self._units.get(self.names.daemon(daemon)))

    def check(self) -> Iterator[Problem]:
        return unit_faults.check(self.names, self._units)

    def facts(self) -> Mapping[str, Any]:
        return {name: vars(unit) for name, unit in self._units.items()}
