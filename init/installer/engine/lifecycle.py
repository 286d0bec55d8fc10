"""The service of an instance: its units, and starting and stopping its daemons under any manager."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from .. import report
from ..bundle.api import Product, Reload, RenderedFile, Site, directories
from ..errors import Exit, Failure, Problem, Silent, problems_of
from ..host import capability, processes, space
from ..host.processes import Daemon, Process
from ..manager import systemd, units
from ..manager.managers import manager_of
from ..state import files, held, trees
from ..state.instance import Instance
from .changes import Change
from .session import Session

#: Bytes that daemons can be expected to write into a directory when they start.
_TRIAL = 64 << 10


def rendered_files(site: Site, product: Product) -> list[RenderedFile]:
    """The unit files that the answers ask for, with absolute paths."""
    return units.render_units(site, product.daemons(site)) if units.wants_systemd(site) else []


def check(site: Site, product: Product, former: Instance) -> Iterator[Problem]:
    """Problems with the answer `service`. `former` is the instance in its place before a move."""
    if not units.wants_systemd(site):
        return
    hint = "leave --service out; NEXT-STEPS says how to start the service at boot"
    if not systemd.is_running():
        yield Problem("systemd does not run on this host", where=systemd.BOOTED, hint=hint)
    if os.geteuid() != 0:
        yield Problem("only root can add a service to systemd", hint=f"run bootstrap as root, or {hint}")
    name = site.values("service-name")[0]
    own = units.homes(site.instance, former)
    for file in rendered_files(site, product):
        unit = os.path.basename(file.path)
        taken = [
            path for path in (os.path.join(place, unit) for place in units.FOREIGN_DIRECTORIES) if files.is_taken(path)
        ]
        owner = units.find_owner(file.path)
        if owner is not None and owner not in own:
            taken.append(file.path)
        for path in taken:
            yield Problem(
                f"the name {name} is taken",
                where=path,
                why=f"the unit is of the instance {owner}" if owner else "bootstrap did not write that unit",
                hint="choose another with --service-name, or remove that unit first",
            )


def check_units(session: Session, site: Site) -> Iterator[Problem]:
    """Reports missing unit files that systemd needs to run the instance."""
    if not systemd.is_running():
        return
    own = units.find_own(site.instance)
    missing = [file.path for file in rendered_files(site, session.product) if file.path not in own]
    if missing:
        yield Problem(
            "unit files of the instance are missing",
            where=", ".join(missing),
            why="the answers say that systemd runs it",
            hint=f"run {session.command_line('install')}: it writes them again",
        )


@contextmanager
def changing_units(changes: Sequence[Change], *, undo: bool = False) -> Iterator[None]:
    """Wraps the writing, or the undoing, of unit files: first stops those to be removed, finally reloads systemd."""
    outside = [change for change in changes if change.is_outside]
    if not outside or not systemd.is_running():
        yield
        return
    gone = [change.path for change in outside if (change.old if undo else change.new) is None]
    if gone:
        _retire(gone)
    yield
    systemd.systemctl("daemon-reload")


def _retire(paths: Sequence[str]) -> None:
    names = [os.path.basename(path) for path in paths]
    systemd.systemctl("stop", "--", *names)
    targets = [name for name in names if name.endswith(".target")]
    if targets:
        systemd.systemctl("disable", "--", *targets)


def withdraw(session: Session, site: Site) -> None:
    """Stops the instance and removes its units from systemd. Idempotent."""
    take_down(session, site)
    paths = units.find_own(site.instance)
    if not paths:
        return
    if systemd.is_running():
        _retire(paths)
    for path in paths:
        files.remove(path)
    files.sync_directory(units.DIRECTORY)
    if systemd.is_running():
        systemd.systemctl("daemon-reload")
        systemd.forget_failures([os.path.basename(path) for path in paths])


def main_process(found: Sequence[Process], daemon: Daemon) -> Process | None:
    """The daemon itself among the instance's processes."""
    return next((process for process in processes.of_daemon(found, daemon.name) if process.is_main), None)


def workers_of(found: Sequence[Process], main: Process) -> list[Process]:
    return [process for process in processes.of_daemon(found, main.daemon) if process.pid != main.pid]


def is_complete(session: Session, site: Site) -> bool:
    """Whether every daemon runs, under the manager that the answers name, and nothing else."""
    found = session.processes()
    daemons = session.product.daemons(site)
    manager = manager_of(site)
    mains = [(daemon, main_process(found, daemon)) for daemon in daemons]
    owned = all(main and manager.owns(daemon, main) for daemon, main in mains)
    return manager.is_settled() and owned and not superseded(found, daemons)


def superseded(found: Sequence[Process], daemons: Sequence[Daemon]) -> list[Process]:
    """Processes of daemons that the answers no longer name."""
    names = {daemon.name for daemon in daemons}
    return [process for process in found if process.daemon not in names]


def bring_up(session: Session, site: Site, *, renew: bool = False, changed: Collection[str] = ()) -> str:
    """Starts daemons that do not run, and stops those that the answers no longer name. Running daemons reload the
    `changed` files that they read; `renew` restarts them instead.

    Returns when the service answers, with a short summary.
    """
    with space.telling(site.instance):
        return _bring_up(session, site, renew, changed)


def _bring_up(session: Session, site: Site, renew: bool, changed: Collection[str]) -> str:
    _check_files(session, site)
    adopt_logs(site)
    make_logs(site, session.product.daemons(site))
    manager = manager_of(site)
    found = session.processes()
    daemons = session.product.daemons(site)
    left = superseded(found, daemons)
    processes.stop(left)
    done = {process.daemon: "stopped" for process in sorted(left, key=lambda process: process.daemon)}
    for daemon in daemons:
        main = main_process(found, daemon)
        keeping = keeps(session, site, daemon, main, renew=renew, changed=changed) if main else None
        if keeping is not None and (keeping is as_it_is or keeping()):
            done[daemon.name] = "runs" if keeping is as_it_is else "reloaded"
            continue
        manager.replace(daemon, processes.of_daemon(found, daemon.name))
        done[daemon.name] = "restarted" if main else "started"
    manager.start_rest()
    try:
        session.product.wait_ready(site)
    except Silent as silent:
        if done.get(silent.daemon) != "runs":
            raise
        # It may wait forever for something that was missing, room on a disk for example.
        stuck = next(daemon for daemon in daemons if daemon.name == silent.daemon)
        manager.replace(stuck, processes.of_daemon(session.processes(), stuck.name))
        done[stuck.name] = "restarted"
        session.product.wait_ready(site)
    return ", ".join(f"{name} {word}" for name, word in done.items())


def as_it_is() -> bool:
    """The `Reload` of a daemon that has nothing to reload."""
    return True


def keeps(
    session: Session, site: Site, daemon: Daemon, main: Process, *, renew: bool, changed: Collection[str]
) -> Reload | None:
    """The `Reload` with which the running daemon takes the `changed` files; None if it must be restarted."""
    if renew or not manager_of(site).owns(daemon, main) or not _may_listen(site, daemon, main):
        return None
    stale = set(changed) & set(daemon.files)
    return session.product.reloading(site, main, stale) if stale else as_it_is


def _check_files(session: Session, site: Site) -> None:
    """Raises NEEDS_PERSON for pipes and the like among the daemons' files: opening one could block a daemon, and this
    command with it, forever. Those in `run` belong to the daemons."""
    own = [entry.path for entry in directories(session.product, site) if entry.owner == site.account.owner]
    roots = {path.partition("/")[0] for path in own} - {"run", "tmp"}
    below = (entry for name in sorted(roots) for entry in trees.below(site.instance.path(name)))
    strange = [entry for entry in below if entry.is_special]
    trees.refuse(strange, Exit.NEEDS_PERSON, "a daemon that opens it may wait forever")


def _may_listen(site: Site, daemon: Daemon, main: Process) -> bool:
    """Whether the running daemon has the capability for low ports exactly if it needs it: it cannot get it later. Only
    root can grant it."""
    return not site.account.switch or capability.keeps_low_ports(main.pid) == daemon.low_ports


def enable(site: Site) -> None:
    """Enables the service at boot, if a service manager can do that."""
    manager_of(site).enable()


def adopt_logs(site: Site) -> None:
    """Gives the service's account the logs that another user created, such as root with a tool of the service."""
    owner = site.account.owner
    if owner is None:
        return
    trees.adopt(site.instance.log, owner)


def check_writable(session: Session, site: Site) -> Iterator[Problem]:
    """Reports logs that daemons could not append to, and directories in which they could not create a file."""
    own = [entry.path for entry in directories(session.product, site) if entry.owner == site.account.owner]
    logs = [site.instance.path(name) for daemon in session.product.daemons(site) for name in daemon.logs]
    for path, why in site.account.run(_try_to_write, list(map(site.instance.path, own)), logs):
        yield Problem(f"{site.account.name} cannot write there", where=path, why=why, hint="remove the cause")


def _try_to_write(directories: Sequence[str], logs: Sequence[str]) -> list[tuple[str, str]]:
    """The paths that this process cannot write to, and why. Only trying shows a quota, for example."""
    refused = []
    for path in logs:
        try:
            with held.appending(path, processes.LOG_MODE, None):
                pass
        except OSError as error:
            refused.append((path, error.strerror or str(error)))
    for path in directories:
        try:
            with held.reserving(os.path.join(path, "trial"), _TRIAL):
                pass
        except OSError as error:
            refused.append((path, error.strerror or str(error)))
    return refused


def make_logs(site: Site, daemons: Sequence[Daemon]) -> None:
    """Creates the daemons' missing logs, readable by the account's group and no other."""
    for name in [name for daemon in daemons for name in daemon.logs]:
        with held.appending(site.instance.path(name), processes.LOG_MODE, site.account.owner):
            pass


def take_down(session: Session, site: Site) -> int:
    """Stops every process of the instance; returns their number."""
    found = session.processes()
    with report.step("stop"):
        manager_of(site).stop()
        processes.stop(found)
    return len(found)


def serve_on(session: Session, site: Site, error: Exception, subject: str, outcome: Problem) -> NoReturn:
    """Starts `subject` again after `error` ended a command that had changed nothing, and abandons the journal. Always
    raises: ROLLED_BACK with `outcome`, or NEEDS_PERSON if nothing serves."""
    problems = problems_of(error)
    try:
        bring_up(session, site)
    except Exception as second:
        hint = f"remove the cause and run {session.command_line('start')}; nothing serves until then"
        problem = Problem(f"{subject} does not start again", where=outcome.where, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, *problems, *problems_of(second), problem) from error
    session.journal.abandon()
    raise Failure(Exit.ROLLED_BACK, *problems, outcome) from error
