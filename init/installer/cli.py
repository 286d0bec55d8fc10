"""Maps the command line to a command, and its outcome to an exit code."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Sequence

from . import commands, report
from .answers import answers, arguments, own, usage
from .answers.arguments import Arguments
from .engine.session import Session, open_session
from .errors import Exit, Failure, Interrupted, problems_of
from .service import composition
from .state.release import Release

COMMANDS: dict[str, Callable[[Session, Arguments], None]] = {
    "install": lambda session, _: commands.install.install(session),
    "run": lambda session, _: commands.run.run(session),
    "plan": lambda session, parsed: commands.show.plan(session, parsed.options.get("from"), parsed.has("json")),
    "verify": lambda session, parsed: commands.verify.verify(session, parsed.has("json")),
    "start": lambda session, _: commands.control.start(session),
    "stop": lambda session, _: commands.control.stop(session),
    "restart": lambda session, _: commands.control.restart(session),
    "status": lambda session, parsed: commands.status.status(session, parsed.has("json")),
    "upgrade": lambda session, parsed: commands.upgrade.upgrade(session, parsed.options["from"]),
    "rollback": lambda session, _: commands.rollback.rollback(session),
    "backup": lambda session, parsed: commands.backup.backup(session, parsed.operand),
    "restore": lambda session, parsed: commands.restore.restore(session, parsed.operand or ""),
    "migrate-database": lambda session, parsed: commands.migrate_database.migrate_database(
        session, parsed.options["to"]
    ),
    "maintain": lambda session, _: commands.maintain.maintain(session),
    "keys export": lambda session, parsed: commands.keys.export_keys(
        session, parsed.operand or "", parsed.options["recipient"]
    ),
    "keys import": lambda session, parsed: commands.keys.import_keys(
        session, parsed.operand or "", parsed.options["recipient"]
    ),
    "keys rotate": lambda session, _: commands.keys.rotate_keys(session),
    "keys forget": lambda session, parsed: commands.keys.forget_node(session, parsed.operand or ""),
    "uninstall": lambda session, parsed: commands.uninstall.uninstall(session, _wish(parsed)),
    "ask": lambda session, parsed: commands.ask.ask(session, parsed.operand or ""),
    "show-config": lambda session, parsed: commands.show.show_config(session, parsed.has("json")),
}

#: The first argument if bootstrap.sh has not compared the bytes of Python's packages.
COMPARE_PACKAGES = "--compare-packages"
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str], *, init: str) -> int:
    """Runs the command line; `init` is the directory of that name in the release. Returns the exit code."""
    report.open_standard_streams()
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    os.umask(0o022)
    try:
        left = argv[:1] == [COMPARE_PACKAGES]
        _run(argv[left:], Release(os.path.dirname(os.path.realpath(init)), compares_packages=left))
        return Exit.DONE
    except Failure as failure:
        for problem in failure.problems:
            report.show(problem)
        return failure.exit_code
    except Interrupted as interrupted:
        report.note(f"interrupted by {signal.Signals(interrupted.signum).name}; run the command again to finish it")
        return 128 + interrupted.signum
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except Exception as error:
        for problem in problems_of(error):
            report.show(problem)
        return Exit.NEEDS_PERSON if isinstance(error, OSError) else Exit.INTERNAL


def _wish(parsed: Arguments) -> commands.uninstall.Wish:
    return commands.uninstall.Wish(
        purge=parsed.has("purge"), yes=parsed.has("yes"), account=parsed.has("remove-user"), file=parsed.operand
    )


def _run(argv: Sequence[str], release: Release) -> None:
    declared = own.declarations(release.bundle)
    parsed = arguments.parse(argv, declared)
    if parsed.help:
        print_help(argv, parsed, release)
    elif parsed.version:
        report.out(release.name)
    else:
        for problem in answers.unknown_variables(declared, os.environ):
            report.warn(problem)
        session = open_session(release, composition.load(release), parsed, os.environ)
        if os.geteuid() == 0 and not all(map(shutil.which, ("find", "id"))):
            release.check_rights(session.instance.root)
        if parsed.command.checks_release:
            release.check_contents(session.instance.root)
        COMMANDS[parsed.command.name](session, parsed)


def print_help(argv: Sequence[str], parsed: Arguments, release: Release) -> None:
    bundle, declared = release.bundle["name"], own.declarations(release.bundle)
    if parsed.command.name.split()[0] in argv:
        text = usage.command_help(parsed.command, bundle, declared)
    else:
        text = usage.overview(release.name, bundle, declared)
    for line in text.splitlines():
        report.out(line)


def _interrupt(number: int, _: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(number)
