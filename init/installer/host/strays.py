"""Daemons of an instance that work elsewhere than in their directories.

The service's account owns those directories: it can move them, or put others in their place, and the daemon that works
there is no longer seen by `find_processes`. It cannot change what the kernel says of a process that was started: its
user, its program, and the command line until the program itself overwrites it. An account whose processes start other
programs can still hide these, as can any account.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..state import files
from ..state.instance import Instance
from . import processes
from .processes import Daemon, Process

_Inode = tuple[int, int]


def find(
    instance: Instance, daemons: Sequence[Daemon], shared: Collection[str], known: Sequence[Process]
) -> list[Process]:
    """The `known` processes, by pid, with the daemons that are not among them and their workers.

    `shared` are programs that others than daemons run: with these, only the whole command line tells. A known process
    in the directory of no daemon is renamed if its command line is that of one.
    """
    owner = files.status(instance.run)
    if owner is None:
        return list(known)
    names, places = {each.name for each in daemons}, {each.pid: each.daemon for each in known}
    asked = [
        each for each in processes.all_processes() if each.uid == owner.st_uid and places.get(each.pid) not in names
    ]
    programs = {_program(each.argv[0]): each for each in reversed(daemons) if each.argv[0] not in shared}
    mains: dict[int, Daemon] = {}
    # Daemons lead their sessions.
    for each in (each for each in asked if each.pid == each.session):
        daemon = _by_command(each, instance, daemons, is_placed=each.pid in places)
        if daemon is None and each.pid not in places:
            daemon = _by_program(each, instance, programs)
        if daemon is not None:
            mains[each.pid] = daemon
    stray = {
        each.pid: replace(each, daemon=daemon.name, is_main=each.pid in mains, ending=daemon.ending)
        for each in asked
        if (daemon := mains.get(each.session)) is not None
    }
    return [found for _, found in sorted({**{each.pid: each for each in known}, **stray}.items())]


def _by_command(process: Process, instance: Instance, daemons: Sequence[Daemon], *, is_placed: bool) -> Daemon | None:
    """The daemon whose command line the process has. Outside of the instance's directories, that must name the
    instance."""
    command = _command(process.pid)
    for daemon in daemons:
        is_own = is_placed or any(instance.root in word for word in daemon.argv)
        if is_own and command == list(map(os.fsencode, daemon.argv)):
            return daemon
    return None


def _by_program(process: Process, instance: Instance, programs: Mapping[_Inode | None, Daemon]) -> Daemon | None:
    program = _program(f"/proc/{process.pid}/exe")
    return None if program is None or _is_elsewhere(process.pid, instance) else programs.get(program)


def _command(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return []


def _program(path: str) -> _Inode | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_elsewhere(pid: int, instance: Instance) -> bool:
    """Whether it works in another instance of the same owner, or in a removed directory outside of this one."""
    try:
        path = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return True
    if path.startswith(f"{os.path.realpath(instance.root)}/"):
        return False
    if path.endswith(processes.GONE):
        return True
    other = Instance(os.path.dirname(os.path.dirname(path)))
    own, its = files.status(instance.root), files.status(other.root)
    return other.exists and own is not None and its is not None and own.st_uid == its.st_uid
