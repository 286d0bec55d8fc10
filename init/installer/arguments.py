"""The command line: which commands there are, what each takes, and its help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .answers import Declaration, suggest
from .errors import Exit, Failure, Problem

PROGRAM = "init/bootstrap.sh"


@dataclass(frozen=True)
class Command:
    name: str
    summary: str
    #: Whether it takes every answer; the others only need to know which instance is meant.
    answers: bool = False
    #: Whether it takes --json.
    json: bool = False


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("install", "Configure and start the service, or bring it to other answers (the default)", answers=True),
        Command("plan", "Print what install would write and run; write nothing", answers=True),
        Command("verify", "Check the release, the instance's files and the live service", json=True),
        Command("start", "Start the service"),
        Command("stop", "Stop the service"),
        Command("restart", "Stop the service and start it again"),
        Command("status", "Say what runs and what is wrong", json=True),
        Command("show-config", "Print every answer, its value and where it came from", answers=True, json=True),
    )
}


@dataclass
class Arguments:
    """A parsed command line; `texts` holds the raw values of the answers."""

    command: Command
    texts: dict[str, list[str]] = field(default_factory=dict)
    answers_file: str = ""
    json: bool = False
    help: bool = False
    version: bool = False


def parse(argv: Sequence[str], declared: Mapping[str, Declaration]) -> Arguments:
    """Raises USAGE with every argument that is not understood."""
    rest = list(argv)
    wants_help = bool(rest) and rest[0] == "help"
    if wants_help:
        rest.pop(0)
    arguments = Arguments(_command(rest), help=wants_help)
    flags = {declaration.flag: declaration for declaration in accepted(arguments.command, declared)}
    switches = {"--help": "help", "-h": "help", "--version": "version", "-V": "version"}
    if arguments.command.json:
        switches["--json"] = "json"
    valued = [*flags, "--answers"] if arguments.command.answers else [*flags]
    problems: list[Problem] = []
    while rest:
        argument = rest.pop(0)
        name, separator, text = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if name in switches and not separator:
            setattr(arguments, switches[name], True)
            continue
        if name not in valued:
            problems.append(_unknown(argument, name, [*valued, *switches]))
            continue
        if not separator:
            if not rest or rest[0].startswith("--"):
                problems.append(Problem(f"{name} needs a value", hint=f"give it as {name} VALUE or {name}=VALUE"))
                continue
            text = rest.pop(0)
        if name == "--answers":
            arguments.answers_file = text
        else:
            arguments.texts.setdefault(flags[name].name, []).append(text)
    if problems and not arguments.help:
        raise Failure(Exit.USAGE, *problems)
    return arguments


def _command(rest: list[str]) -> Command:
    if not rest or rest[0].startswith("-"):
        return COMMANDS["install"]
    name = rest.pop(0)
    if name not in COMMANDS:
        raise Failure(Exit.USAGE, Problem(f"unknown command {name}", hint=suggest(name, COMMANDS)))
    return COMMANDS[name]


def _unknown(argument: str, name: str, known: Iterable[str]) -> Problem:
    if not argument.startswith("-"):
        return Problem(f"unexpected argument {argument}", hint=f"options begin with --; see {PROGRAM} --help")
    return Problem(f"unknown option {name}", hint=suggest(name, [flag for flag in known if flag.startswith("--")]))


def accepted(command: Command, declared: Mapping[str, Declaration]) -> list[Declaration]:
    """The answers that a command takes."""
    return [declaration for declaration in declared.values() if command.answers or declaration.name == "instance"]


def overview(name: str, declared: Mapping[str, Declaration]) -> str:
    """Help for all commands."""
    commands = "\n".join(f"  {command.name:<12} {command.summary}" for command in COMMANDS.values())
    return f"""\
{name}: installs and runs an instance of this release, on a host without a network.

Examples:
  {PROGRAM} --host 192.168.1.103
  {PROGRAM} --host keystone.example.org --port 5000 --port 35357 --instance /srv/keystone
  {PROGRAM} status
  {PROGRAM} stop

Usage: {PROGRAM} [COMMAND] [OPTIONS]

Commands:
{commands}

{_options(COMMANDS["install"], declared)}
Each option is also read from the environment (--public-url as KSB_PUBLIC_URL), then from the answers file, then
from what the last run was given. Give an empty value to go back to the default.

Exit codes: 0 done, 1 internal, 2 usage, 3 preflight, 4 integrity, 5 locked, 6 failed and rolled back,
7 failed and needs a person, 8 verification failed, 128+n signal.
"""


def command_help(command: Command, declared: Mapping[str, Declaration]) -> str:
    return f"""\
{command.summary}.

Examples:
{_examples(command)}

Usage: {PROGRAM} {command.name} [OPTIONS]

{_options(command, declared)}"""


def _examples(command: Command) -> str:
    lines = [f"  {PROGRAM} {command.name}", f"  {PROGRAM} {command.name} --instance /srv/keystone"]
    if command.answers:
        lines.append(f"  {PROGRAM} {command.name} --host 192.168.1.103 --port 5000")
    if command.json:
        lines.append(f"  {PROGRAM} {command.name} --json")
    return "\n".join(lines)


def _options(command: Command, declared: Mapping[str, Declaration]) -> str:
    rows = [(f"{entry.flag} {entry.metavar}", _describe(entry)) for entry in accepted(command, declared)]
    if command.answers:
        rows.append(("--answers FILE", "Read answers from a file of KEY=VALUE lines"))
    if command.json:
        rows.append(("--json", "Print one JSON document"))
    rows.append(("-h, --help", "Show this help"))
    return "Options:\n" + "\n".join(_row(left, right) for left, right in rows) + "\n"


def _describe(declaration: Declaration) -> str:
    text = declaration.help
    if declaration.choices:
        text += f": {', '.join(declaration.choices)}"
    if declaration.repeatable:
        text += "; may be repeated"
    if declaration.default is not None:
        text += f" [{declaration.default}]"
    return text


def _row(left: str, right: str) -> str:
    first, *others = textwrap.wrap(right, 78) or [""]
    return "\n".join([f"  {left:<27} {first}", *(f"{'':<30}{line}" for line in others)])
