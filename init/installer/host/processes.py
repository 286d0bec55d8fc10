"""Processes of an instance: found, started, stopped.

Every daemon starts in its own directory, `run/NAME` in the instance, and keeps it as its working directory, or changes
to `data/NAME`, as databases do. That identifies processes of the instance: the directory's parent is the inode of `run`
or `data`, and its name is the daemon's. There are no stale pid files, a reused pid is never mistaken for a daemon, two
daemons of one program are told apart, workers whose parent was killed are found too, and a moved instance finds the
daemons from its old place. An environment variable would not do: uWSGI, nginx and others overwrite it with their
titles.

The account can move its directories away from a daemon; for such ones see strays.py.

The process must also belong to the owner of `run`: anybody may use such names and directories, root's processes too,
and root signals only processes of the service's account. Facts: proc(5).
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

#: Files that a daemon may have open at once: two for each client, served or waiting. The unit says the same.
OPEN_FILES = 8192
#: Only the daemons can read the files that they create; logs are created before.
UMASK = 0o077
LOG_MODE = 0o640


@dataclass(frozen=True)
class Daemon:
    """A program that runs with the instance. `argv[0]` is an absolute path in the release."""

    name: str
    argv: Sequence[str]
    #: The log of its output, if no service manager keeps that.
    log: str
    #: Whether it uses the network, beyond Unix sockets.
    network: bool = False
    #: Whether it listens on ports below 1024.
    low_ports: bool = False
    #: Files of the instance that it reads when it starts: when one changes, it is reloaded or restarted.
    files: Collection[str] = ()
    #: Files that it leaves when it is killed, to be removed before it starts.
    leftovers: Sequence[str] = ()
    #: Logs that it writes itself, relative to the instance: created before it starts, so that its group may read them.
    logs: Sequence[str] = ()
    #: Limits of memory in bytes, and of processes and threads, far above its needs; None for no limit.
    memory: int | None = None
    tasks: int | None = None
    #: Variables added to the environment of every daemon.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: The signal that ends it and all that it has started.
    ending: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    session: int
    #: Clock ticks since boot when it was started; unique together with the pid.
    started: int
    name: str
    #: Present path of the program, from the kernel; empty if it may not be read.
    program: str
    #: Its user; None if it has rights of several users at once.
    uid: int | None
    #: The daemon of the instance that it belongs to, set by `find_processes`.
    daemon: str = ""
    #: Whether it is the daemon itself, not a worker: daemons are started as session leaders, and a worker that leads a
    #: session, as those of databases do, has another process of the daemon as its parent.
    is_main: bool = False
    #: The signal that ends the daemon.
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

    `unplaced` are daemons that former releases started directly in `run`; they are named like their programs. `former`
    is the path of `run` before the instance was moved: a move to another file system copies and deletes, and leaves
    processes in a deleted directory. `endings` are the signals of daemons that SIGTERM does not end.
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


def of_daemon(found: Sequence[Process], daemon: str) -> list[Process]:
    """Those of a daemon, which is given by name."""
    return [process for process in found if process.daemon == daemon]


#: Beside `run`: daemons may change to a directory in it.
_DATA = "data"


def _find_place(pid: int, parents: Sequence[tuple[int, int]], former: str) -> str | None:
    """The name of the process's working directory in one of the parents, empty for the first parent itself, which is
    `run`; None if it is elsewhere."""
    directory = f"/proc/{pid}/cwd"
    try:
        path = os.readlink(directory)
        if former and path.endswith(GONE):
            path = path.removesuffix(GONE)
            parent, _, name = path.rpartition("/")
            gone = (former, os.path.join(os.path.dirname(former), _DATA))
            return "" if path == former else name if parent in gone else None
        if _inode(directory) == parents[0]:
            return ""
        return os.path.basename(path.removesuffix(GONE)) if _inode(f"{directory}/..") in parents else None
    except OSError:
        return None


#: Suffix that the kernel adds to the path of a deleted directory.
GONE = " (deleted)"


def _inode(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def find_workers(main: Process) -> list[Process]:
    """Processes that the daemon has started: the others of its session and user."""
    others = (read_process(pid) for pid in _pids() if pid != main.pid)
    return [other for other in others if other and (other.session, other.uid) == (main.session, main.uid)]


def read_process(pid: int) -> Process | None:
    """The process as it is now; None if there is none, or only a zombie."""
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
    """The user from its status: `/proc/PID` itself belongs to root if the process is not dumpable (PR_SET_DUMPABLE)."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            ids = next((line.split()[1:] for line in file if line.startswith("Uid:")), [])
    except OSError:
        return None
    return int(ids[0]) if len(set(ids)) == 1 else None


def is_alive(process: Process) -> bool:
    """Whether this process, not another with its pid, still runs."""
    now = read_process(process.pid)
    return now is not None and (now.started, now.uid) == (process.started, process.uid)


def all_processes() -> list[Process]:
    """Those of the host, by pid."""
    return [process for process in map(read_process, sorted(_pids())) if process is not None]


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def spawn(daemon: Daemon, run: str, account: Account, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a daemon as the account, as leader of a session, in its directory in `run`, with an emptied log.

    Raises NEEDS_PERSON if the account cannot enter that directory: it may have put something else there.
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
            hint = "remove it and run the command again, which creates it"
            raise Failure(
                Exit.NEEDS_PERSON, Problem(f"{daemon.name} cannot be started", where=place, why=why, hint=hint)
            ) from error


def entering(confine: Callable[[], None], directory: str) -> Callable[[], None]:
    """For a child process: allows up to OPEN_FILES open files, then takes the account and its rights, and only then
    enters the directory, as the account may have put another one there."""

    def prepare() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        confine()
        os.chdir(directory)

    return prepare


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Polls `condition`; returns False if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def stop(processes: Sequence[Process], seconds: float = 10) -> None:
    """Ends the processes: sends each daemon its signal, which ends its workers, then SIGKILL to the rest.

    Workers whose daemon was killed are killed at once. Raises NEEDS_PERSON if a process stays.
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
    """Signals this process if it still runs, never another one that got its pid meanwhile."""
    with suppress(ProcessLookupError):
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError as error:
            # Linux before 5.3 has no pidfds, and a sandbox may refuse them.
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
    """Waits for processes while they make progress, so that a slow machine is not mistaken for a hanging service."""

    def __init__(self, idle: float, longest: float) -> None:
        """It is over after `idle` seconds without progress, or after `longest` seconds in all."""
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
    """Whole seconds of processor time that it has used; an idle daemon takes long to use one."""
    try:
        with open(f"/proc/{process.pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) // os.sysconf("SC_CLK_TCK")
