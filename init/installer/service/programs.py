"""The daemons that a service declares."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from ..answers.values import join_host
from ..bundle.api import Reload, RenderedFile, Site
from ..host import processes
from ..host.network import Listener
from ..host.processes import Daemon, Process
from ..kit import acceptance, readiness
from ..kit.proofs import Exchange
from ..kit.readiness import Awaited, Logs, Probe
from .declaration import Declaration, Program
from .values import expand, references

#: Values that may change while release and instance stay where they are.
_CHANGING = ("answers", "listeners", "needs")
_HEAD = "# Written by init/bootstrap.sh, which starts this. To change it, run install with other answers."


def daemons(
    site: Site, declaration: Declaration, values: Mapping[str, str], listeners: Sequence[Listener]
) -> list[Daemon]:
    return [
        Daemon(
            name=program.name,
            argv=command(site, program.run, values),
            log=site.instance.path(_log(program)),
            # A service that it needs may be reached through a port.
            network=bool(listeners or declaration.needs),
            low_ports=any(listener.is_low for listener in listeners),
            files=[*program.files, *([_path(program)] if _changes(program) else [])],
            logs=program.logs,
            memory=None if program.memory is None else program.memory << 20,
            tasks=program.tasks,
            environment=environment(program.environment, values),
        )
        for program in declaration.daemons
    ]


def command(site: Site, words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """A declared command line; its program is a path in the release."""
    program, *arguments = (expand(word, values) for word in words)
    return [site.release.path(program), *arguments]


def environment(declared: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {name: expand(text, values) for name, text in declared.items()}


def commands(site: Site, declaration: Declaration, values: Mapping[str, str]) -> Iterator[RenderedFile]:
    """Files with the command lines that depend on answers: a changed file means that the daemon must be restarted."""
    for program in filter(_changes, declaration.daemons):
        words = [f"{name}={text}" for name, text in environment(program.environment, values).items()]
        line = shlex.join(["env", *words, *command(site, program.run, values)])
        yield RenderedFile(_path(program), f"{_HEAD}\n{line}\n".encode(), 0o640, site.account.readable)


def _changes(program: Program) -> bool:
    texts = [*program.run, *program.environment.values()]
    return any(name for text in texts for kind in _CHANGING for name in references(text, kind))


def _path(program: Program) -> str:
    return f"etc/{program.name}.command"


def _log(program: Program) -> str:
    """The log of what it prints."""
    return f"log/{program.name}.log"


def check(site: Site, declaration: Declaration, values: Mapping[str, str]) -> None:
    """Raises NEEDS_PERSON if a daemon does not accept its configuration."""
    for program in declaration.daemons:
        if program.check:
            where = program.files[0] if program.files else "etc"
            argv, own = command(site, program.check, values), environment(program.environment, values)
            acceptance.check(site, program.name, program.name, where, argv, own)


def reloading(declaration: Declaration, daemon: Process, changed: Collection[str]) -> Reload | None:
    """Sends the signal that makes the daemon reload its files; None if it has none, or its command line changed."""
    program = next((program for program in declaration.daemons if program.name == daemon.daemon), None)
    if program is None or not program.reload or _path(program) in changed:
        return None
    return partial(_signal, daemon, signal.Signals[program.reload])


def _signal(daemon: Process, number: signal.Signals) -> bool:
    processes.send(daemon, number)
    return True


def awaited(site: Site, declaration: Declaration, listeners_of: Callable[[str], list[Listener]]) -> Iterator[Awaited]:
    """How to tell that the daemons are up."""
    for program in declaration.daemons:
        logs = Logs(_log(program), program.logs[0] if program.logs else _log(program))
        for where, probe in _probes(site, program, listeners_of):
            yield Awaited(where, program.name, logs, probe)


def _probes(site: Site, program: Program, listeners_of: Callable[[str], list[Listener]]) -> Iterator[tuple[str, Probe]]:
    (kind, what), *_ = [*program.ready.items(), ("", "")]
    if kind == "listener":
        for listener in listeners_of(what):
            yield f"{join_host(listener.reachable)}:{listener.port}", _taking(site, listener)
    elif kind == "socket":
        yield site.instance.path(what), readiness.of_socket(site, what)
    elif kind == "file":
        yield site.instance.path(what), readiness.of_file(site, what)


def _taking(site: Site, listener: Listener) -> Probe:
    return lambda seconds: Exchange().fault(site, listener, seconds)
