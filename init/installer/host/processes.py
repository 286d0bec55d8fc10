"""Processes of an instance: found, started, stopped.

Every daemon is started in a directory of its own, `run/NAME` in the instance, and keeps it as its working directory,
or changes to `data/NAME`, as databases do. A process of the instance is known by that: its directory's parent is the
inode of `run` or `data`, its directory's name is the daemon's. No pid file can be stale, a reused pid is never mistaken
for a daemon, two daemons of one program are told apart, workers whose parent was killed are found too, and a moved
instance finds the daemons it had at its old place.
An environment variable would not do: uWSGI, nginx and others write their titles over it.

It must also belong to whom `run` belongs: names and places are free to anybody, root's processes have them too, and
root signals nobody but the service's account. Facts come from proc(5).
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import time
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..errors import Exit, Failure, Problem
from ..state import files, held
from .account import Account

#: Files that a daemon may have open at once: two for each client that is served or waits. The unit says the same.
OPEN_FILES = 8192
#: What daemons make is theirs alone; but for their logs, which are made before.
UMASK = 0o077
LOG_MODE = 0o640


@dataclass(frozen=True)
class Daemon:
    """A program that runs with the instance. `argv[0]` is an absolute path in the release."""

    name: str
    argv: Sequence[str]
    #: What it prints, where no service manager keeps that.
    log: str
    #: Whether it uses the network, beyond sockets that are files.
    network: bool = False
    #: Whether it listens on ports below 1024.
    low_ports: bool = False
    #: Files of the instance that it reads when it starts: where one changes, it is made to take it.
    files: Collection[str] = ()
    #: Files it leaves when it is killed, which must be gone before it starts.
    leftovers: Sequence[str] = ()
    #: Logs of its own making, relative to the instance: made before it starts, so that its group may read them.
    logs: Sequence[str] = ()
    #: The most bytes of memory, and processes and threads, that it may come to, far more than it needs; None for any.
    memory: int | None = None
    tasks: int | None = None
    #: What its environment has beyond that of every daemon.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: The signal at which it ends, with all that it has started.
    ending: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    session: int
    #: Clock ticks since boot when it was started; with the pid it names one process for ever.
    started: int
    name: str
    #: Path of the program, as the kernel knows it now; empty if it may not be read.
    program: str
    #: Whose it is; None if it has rights of several users at once.
    uid: int | None
    #: The daemon of an instance that it belongs to, where `find_processes` found it.
    daemon: str = ""
    #: Whether it is the daemon itself, not one of its workers: daemons are started as leaders of a session, and workers
    #: that lead one, as those of databases do, were started by another process of the daemon.
    is_main: bool = False
    #: The signal at which the daemon ends.
    ending: signal.Signals = signal.SIGTERM


def find_processes(
    run: str,
    *,
    unplaced: Collection[str] = (),
    former: str = "",
    endings: Mapping[str, signal.Signals] = types.MappingProxyType({}),
) -> list[Process]:
    """Processes of the owner of `run` that work in a directory below it, or below the `data` beside it, by pid, each
    with the name of its daemon.

    `unplaced` are the daemons that former releases started in `run` itself; they have the names of their programs.
    `former` is the path `run` had before the instance was moved: a move to another file system copies and deletes,
    and leaves processes in a directory that is gone. `endings` are the signals of daemons that do not end at SIGTERM.
    """
    wanted = files.status(run)
    if wanted is None:
        return []
    data = os.path.join(os.path.dirname(run), _DATA)
    parents = [(status.st_dev, status.st_ino) for status in (wanted, files.status(data)) if status is not None]
    found = []
    for pid in _pids():
        place = _find_place(pid, parents, former)
        process = None if place is None else read_process(pid)
        if process is None or process.uid != wanted.st_uid:
            continue
        daemon = place or process.name
        if place or daemon in unplaced:
            found.append(replace(process, daemon=daemon))
    own = {(process.daemon, process.pid) for process in found}
    return [
        replace(
            process,
            is_main=process.pid == process.session and (process.daemon, process.parent) not in own,
            ending=endings.get(process.daemon, signal.SIGTERM),
        )
        for process in sorted(found, key=lambda process: process.pid)
    ]


#: Beside `run`: where a daemon may change to.
_DATA = "data"


def _find_place(pid: int, parents: Sequence[tuple[int, int]], former: str) -> str | None:
    """The name of the directory in one of the parents that the process works in, empty for the first of them, which is
    `run`; None if it is elsewhere."""
    directory = f"/proc/{pid}/cwd"
    try:
        path = os.readlink(directory)
        if former and path.endswith(_GONE):
            path = path.removesuffix(_GONE)
            parent, _, name = path.rpartition("/")
            gone = (former, os.path.join(os.path.dirname(former), _DATA))
            return "" if path == former else name if parent in gone else None
        if _inode(directory) == parents[0]:
            return ""
        return os.path.basename(path) if _inode(f"{directory}/..") in parents else None
    except OSError:
        return None


#: What the kernel adds to the path of a directory that was removed.
_GONE = " (deleted)"


def _inode(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def find_workers(main: Process) -> list[Process]:
    """What the daemon has started: the other processes of its session that run as the same user."""
    others = (read_process(pid) for pid in _pids() if pid != main.pid)
    return [other for other in others if other and (other.session, other.uid) == (main.session, main.uid)]


def read_process(pid: int) -> Process | None:
    """The process as it is now; None if there is none, or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    if fields[0] in "ZX":
        return None
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        program = ""
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]), name, program, _user(pid))


def _user(pid: int) -> int | None:
    """The owner of `/proc/PID` is no measure: that is root for whoever asks not to be looked at (PR_SET_DUMPABLE)."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            ids = next((line.split()[1:] for line in file if line.startswith("Uid:")), [])
    except OSError:
        return None
    return int(ids[0]) if len(set(ids)) == 1 else None


def is_alive(process: Process) -> bool:
    """Whether this very process, not another with its pid, still runs."""
    now = read_process(process.pid)
    return now is not None and (now.started, now.uid) == (process.started, process.uid)


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def spawn(daemon: Daemon, run: str, account: Account, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a daemon as the account, in a session of its own, in its directory in `run`, with its log begun anew.

    Raises NEEDS_PERSON where the account cannot enter that directory: it may have put something else there.
    """
    place = os.path.join(run, daemon.name)
    with held.appending(daemon.log, LOG_MODE, account.owner, anew=True) as log:
        try:
            return subprocess.Popen(
                daemon.argv,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=UMASK,
                preexec_fn=entering(account.confine(low_ports=daemon.low_ports), place),
            )
        except subprocess.SubprocessError as error:
            why = "its directory cannot be entered as the service's account"
            hint = "remove it and run the command again: it is made anew"
            raise Failure(
                Exit.NEEDS_PERSON, Problem(f"{daemon.name} cannot be started", where=place, why=why, hint=hint)
            ) from error


def entering(confine: Callable[[], None], directory: str) -> Callable[[], None]:
    """For a child process: as many open files as the host allows, up to OPEN_FILES; the account and its rights; then,
    as the account may have put another directory there, its place."""

    def prepare() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        confine()
        os.chdir(directory)

    return prepare


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Polls `condition`; False if it has not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def stop(processes: Sequence[Process], seconds: float = 10) -> None:
    """Ends the processes: its signal to each daemon, which ends its workers, then KILL to what is left.

    Workers whose daemon was killed wait for it in vain, and are killed at once. Raises NEEDS_PERSON if one stays.
    """
    mains = [process for process in processes if process.is_main]
    for main in mains:
        _signal(main, main.ending)
    if mains and wait_until(lambda: not any(map(is_alive, processes)), seconds):
        return
    for process in processes:
        _signal(process, signal.SIGKILL)
    if not wait_until(lambda: not any(map(is_alive, processes)), 5):
        names = ", ".join(f"{process.name} ({process.pid})" for process in processes if is_alive(process))
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(f"cannot end {names}", why="it does not even react to SIGKILL", hint="look at it with ps"),
        )


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        send(process, number)
    except PermissionError as error:
        raise Failure(
            Exit.PREFLIGHT,
            Problem(
                f"cannot signal {process.name} (process {process.pid})",
                why="it belongs to another user",
                hint="run bootstrap as the user who installed the instance",
            ),
        ) from error


def send(process: Process, number: signal.Signals) -> None:
    """Signals this very process, if it still runs, and no other one that got its pid meanwhile."""
    with suppress(ProcessLookupError):
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError as error:
            # Linux before 5.3 knows no such descriptors, and a guard of the host may not.
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
            if is_alive(process):
                os.kill(process.pid, number)
            return
        try:
            if is_alive(process):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


class Patience:
    """Waits for processes as long as they work, so that a slow machine is not taken for a service that hangs."""

    def __init__(self, idle: float, longest: float) -> None:
        """`idle`: seconds without any progress after which it is over; `longest`: seconds after which it is anyway."""
        self._idle = idle
        self._begun = self._moved = time.monotonic()
        self._longest = longest
        self._used = 0

    def is_over(self, working: Sequence[Process]) -> bool:
        now, used = time.monotonic(), sum(_cpu_seconds(process) for process in working)
        if used != self._used:
            self._used, self._moved = used, now
        return now - self._moved > self._idle or now - self._begun > self._longest


def _cpu_seconds(process: Process) -> int:
    """Whole seconds of processor time that it has used; what an idle daemon uses does not add up to one soon."""
    try:
        with open(f"/proc/{process.pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) // os.sysconf("SC_CLK_TCK")
