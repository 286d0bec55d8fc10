"""The command `run`: installs, then supervises the daemons in the foreground, as PID 1 of a container for example.

A daemon that ends is started again, under the limits that the units have. Orphans are reaped, logs go to standard
output, `maintain` runs every hour. SIGTERM, SIGINT and SIGHUP stop everything.
"""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from signal import SIGTERM, Signals

from .. import report
from ..answers import arguments
from ..bundle.api import Site
from ..engine import lifecycle
from ..engine.session import Session, open_session
from ..errors import Exit, Failure, Interrupted, Problem
from ..host import deputy, log_lines, orphans, processes
from ..manager import units
from ..state import lock
from . import control, install

#: As in the unit of a daemon: seconds before it starts again, and how often it may in how many seconds.
_PAUSE = 1.0
_BURST = 100
_BURST_SECONDS = 600
#: Seconds between two looks at daemons that are no children of this process, and between two runs of `maintain`.
_LOOK = 5
_HOUR = 3600
#: Seconds that the last lines of the logs, or a command that works on the instance, may take before the end.
_LAST = 5.0


def run(session: Session) -> None:
    """Returns when a signal has stopped the service. Raises LOCKED if the instance runs in the foreground already, and
    NEEDS_PERSON if a daemon ends again and again; then nothing of it runs any more."""
    orphans.adopt()
    session.settled()
    site = install.ready_site(session)
    _refuse_units(session, site)
    with ExitStack() as stack:
        with session.exclusive():
            stack.enter_context(lock.holding(session.instance.supervisor))
        was_idle = not session.processes()
        printed = site.account.run(log_lines.ends, session.instance.log)
        try:
            install.install(session)
        except BaseException:
            if was_idle:
                _stop(session)
            raise
        try:
            with _printing_logs(site, printed):
                _Supervisor(session).watch()
        except Interrupted as interrupted:
            report.note(f"  {Signals(interrupted.signum).name}: the service is stopped")
        finally:
            _stop(session)


def _refuse_units(session: Session, site: Site) -> None:
    if units.wants_systemd(site) or units.find_own(session.instance):
        hint = f"use {session.command_line('start')}, or convert it with --service none"
        raise Failure(Exit.PREFLIGHT, Problem("systemd runs this instance", where=session.instance.root, hint=hint))


@contextmanager
def _printing_logs(site: Site, printed: list[tuple[str, int, str]]) -> Iterator[None]:
    """Prints the daemons' logs in a process of its own, so that whoever reads them slowly blocks nothing else."""
    follow = partial(log_lines.follow, site.instance.log, printed)
    child = deputy.launch(site.account.become() or (lambda: None), follow)
    try:
        yield
    finally:
        printer = processes.read_process(child)
        if printer is not None:
            processes.send(printer, SIGTERM)
            if not processes.wait_until(lambda: not processes.is_alive(printer), _LAST):
                processes.stop([printer])


@dataclass
class _Supervisor:
    session: Session
    #: The daemons' processes, as of the last look.
    mains: dict[int, str] = field(default_factory=dict)
    #: The times of the last starts.
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=_BURST))

    def watch(self) -> None:
        look = 0.0
        maintain = time.monotonic() + _HOUR
        while True:
            now = time.monotonic()
            ended = orphans.reap()
            if ended or now >= look:
                look = now + _LOOK
                self._start_missing(ended)
            if now >= maintain:
                maintain = now + _HOUR
                self._maintain()
            time.sleep(_PAUSE)

    def _start_missing(self, ended: Mapping[int, int]) -> None:
        """Starts daemons that have ended; leaves that to another command that works on the instance."""
        session = self._reopen()
        found = session.processes()
        daemons = session.product.daemons(session.site())
        mains = {daemon.name: lifecycle.main_process(found, daemon) for daemon in daemons}
        missing = [name for name, main in mains.items() if main is None]
        for pid, name in self.mains.items():
            if name in missing and pid in ended:
                report.note(f"  {name}: {orphans.describe(ended[pid])}")
        self.mains = {main.pid: name for name, main in mains.items() if main is not None}
        if not missing:
            return
        self._check_burst(missing)
        try:
            control.start(session)
        except Failure as failure:
            if failure.exit_code == Exit.PREFLIGHT:
                raise
            if failure.exit_code != Exit.LOCKED:
                self.starts.append(time.monotonic())
                for problem in failure.problems:
                    report.show(problem)
        else:
            self.starts.append(time.monotonic())

    def _check_burst(self, missing: list[str]) -> None:
        if len(self.starts) == _BURST and self.starts[0] > time.monotonic() - _BURST_SECONDS:
            why = f"it was started {_BURST} times in {_BURST_SECONDS} s"
            hint = "look for the cause in its log, then run the command again"
            raise Failure(Exit.NEEDS_PERSON, Problem(f"{', '.join(missing)}: ends again and again", why=why, hint=hint))

    def _reopen(self) -> Session:
        """The session as other commands have left the instance: its receipt has the answers."""
        argv = ["start", "--instance", self.session.instance.root]
        return open_session(
            self.session.release, self.session.product, arguments.parse(argv, self.session.declared), {}
        )

    def _maintain(self) -> None:
        release = self.session.release
        argv = [release.path("init", "bootstrap.sh"), "maintain", "--instance", self.session.instance.root]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        child.returncode = 0  # It is reaped with all other children.


def _stop(session: Session) -> None:
    """Stops everything, also if another command still works on the instance after a while."""
    with ExitStack() as stack:
        with suppress(Failure):
            stack.enter_context(lock.exclusive(session.instance.lock, patience=_LAST))
        lifecycle.take_down(session, session.site())
    orphans.reap()
