"""The command line, parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Exit, Failure, Problem
from .answers import Declaration, suggest
from .command_table import ANSWERS_FILE, COMMANDS, PROGRAM, Command, Option, accepted


@dataclass
class Arguments:
    """A parsed command line. `texts` holds the raw values of the answers; `options` those of the command's own options,
    an empty text for a switch."""

    command: Command
    texts: dict[str, list[str]] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    operand: str | None = None
    answers_file: str = ""
    help: bool = False
    version: bool = False

    def has(self, switch: str) -> bool:
        return switch in self.options


def parse(argv: Sequence[str], declared: Mapping[str, Declaration]) -> Arguments:
    """Parses a command line. Raises USAGE with every invalid argument."""
    rest = list(argv)
    wants_help = bool(rest) and rest[0] == "help"
    if wants_help:
        rest.pop(0)
    arguments = Arguments(_command(rest), help=wants_help)
    known = _known_flags(arguments.command, declared)
    problems: list[Problem] = []
    while rest:
        argument = rest.pop(0)
        name, separator, text = argument.partition("=") if argument.startswith("--") else (argument, "", "")
        if argument in _HELP:
            arguments.help = True
        elif argument in _VERSION:
            arguments.version = True
        elif name in known:
            target = known[name]
            if not separator and _takes_value(target):
                if not rest or rest[0].startswith("--"):
                    problems.append(Problem(f"{name} needs a value", hint=f"give it as {name} VALUE or {name}=VALUE"))
                    continue
                text = rest.pop(0)
            problem = _store(arguments, target, text if separator or _takes_value(target) else None)
            problems += [problem] if problem else []
        elif not argument.startswith("--") and arguments.command.operand and arguments.operand is None:
            arguments.operand = argument
        else:
            problems.append(_unknown(argument, name, [*known, *_HELP, *_VERSION]))
            # What follows a mistyped option is probably its value.
            if name.startswith("--") and not separator and rest and not rest[0].startswith("-"):
                rest.pop(0)
    problems += _missing(arguments)
    if problems and not (arguments.help or arguments.version):
        raise Failure(Exit.USAGE, *problems)
    return arguments


_HELP = ("--help", "-h")
_VERSION = ("--version", "-V")


def _known_flags(command: Command, declared: Mapping[str, Declaration]) -> dict[str, Declaration | Option]:
    flags: list[Declaration | Option] = [*accepted(command, declared), *command.options]
    if command.answers:
        flags.append(ANSWERS_FILE)
    return {entry.flag: entry for entry in flags}


def _takes_value(target: Declaration | Option) -> bool:
    return bool(target.metavar) if isinstance(target, Option) else not target.is_switch


def _store(arguments: Arguments, target: Declaration | Option, text: str | None) -> Problem | None:
    """Stores the value of an option; `text` is None if it has none."""
    if isinstance(target, Declaration):
        arguments.texts.setdefault(target.name, []).append("true" if text is None else text)
    elif text is not None and not target.metavar:
        return Problem(f"{target.flag} takes no value")
    elif target is ANSWERS_FILE:
        arguments.answers_file = text or ""
    else:
        arguments.options[target.name] = text or ""
    return None


def _missing(arguments: Arguments) -> list[Problem]:
    command = arguments.command
    missing = [
        (f"{option.flag} {option.metavar}", option.help)
        for option in command.options
        if option.required and not arguments.options.get(option.name)
    ]
    operand = command.operand
    if operand is not None and operand.required and not arguments.operand:
        missing.append((operand.metavar, operand.help))
    return [
        Problem(f"{command.name} needs {usage}", hint=f"{PROGRAM} {command.name} {usage}: {meaning}")
        for usage, meaning in missing
    ]


def _command(rest: list[str]) -> Command:
    if not rest or rest[0].startswith("-"):
        return COMMANDS["install"]
    name = rest.pop(0)
    if rest and f"{name} {rest[0]}" in COMMANDS:
        name = f"{name} {rest.pop(0)}"
    if name not in COMMANDS:
        raise Failure(Exit.USAGE, Problem(f"unknown command {name}", hint=suggest(name, COMMANDS)))
    return COMMANDS[name]


def _unknown(argument: str, name: str, known: Iterable[str]) -> Problem:
    if not argument.startswith("-") or argument == "-":
        return Problem(f"unexpected argument {argument}", hint=f"options begin with --; see {PROGRAM} --help")
    return Problem(f"unknown option {name}", hint=suggest(name, [flag for flag in known if flag.startswith("--")]))
