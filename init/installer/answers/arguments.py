"""The command line: which commands there are, what each takes, and its help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Exit, Failure, Problem
from .answers import Declaration, suggest

PROGRAM = "init/bootstrap.sh"


@dataclass(frozen=True)
class Option:
    """An option of a command that is no answer. Without a `metavar` it is a switch, which takes no value."""

    name: str
    help: str
    metavar: str = ""
    required: bool = False

    @property
    def flag(self) -> str:
        return f"--{self.name}"


@dataclass(frozen=True)
class Operand:
    """What a command takes beside its options."""

    metavar: str
    help: str
    required: bool = False

    @property
    def usage(self) -> str:
        return self.metavar if self.required else f"[{self.metavar}]"


@dataclass(frozen=True)
class Command:
    name: str
    summary: str
    #: Whether it takes every answer; the others only need to know which instance is meant.
    answers: bool = False
    options: Sequence[Option] = ()
    operand: Operand | None = None
    #: Whether a damaged release is refused before anything else. bootstrap.sh, which checks the files' bytes, knows the
    #: commands that never look; `verify` looks by itself, and goes on.
    checks_release: bool = True
    #: Command lines, without the program, that its help leads with.
    examples: Sequence[str] = ()


_JSON = Option("json", "Print one JSON document")

COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command(
            "install",
            "Configure and start the service, or bring it to other answers (the default)",
            answers=True,
            examples=(
                "--host 192.168.1.103",
                "install --host keystone.example.org --port 5000 --instance /srv/keystone",
            ),
        ),
        Command(
            "plan",
            "Print what install, or upgrade, would write and run; write nothing",
            answers=True,
            options=(Option("from", "Plan an upgrade from this release, which serves now", "RELEASE"), _JSON),
            examples=("plan --host 192.168.1.103", "plan --from /opt/keystone-29.1.0-1-linux-x86_64"),
        ),
        Command(
            "verify",
            "Check the release, the instance's files and the live service",
            options=(_JSON,),
            checks_release=False,
            examples=("verify", "verify --instance /srv/keystone --json"),
        ),
        Command("start", "Start the service", examples=("start", "start --instance /srv/keystone")),
        Command("stop", "Stop the service", checks_release=False, examples=("stop", "stop --instance /srv/keystone")),
        Command("restart", "Stop the service and start it again", examples=("restart",)),
        Command(
            "status",
            "Say what runs and what is wrong",
            options=(_JSON,),
            checks_release=False,
            examples=("status", "status --json"),
        ),
        Command(
            "maintain",
            "Rotate keys and logs that are due, while the service runs; a timer's or cron's job for every hour",
            checks_release=False,
            examples=("maintain", "maintain --instance /srv/keystone"),
        ),
        Command(
            "upgrade",
            "Take over the instance of another release, with its data and keys; if that fails, it serves again",
            answers=True,
            options=(Option("from", "The release that serves now", "RELEASE", required=True),),
            examples=(
                "upgrade --from /opt/keystone-29.1.0-1-linux-x86_64",
                "upgrade --from ../keystone-29.1.0-1-linux-x86_64 --instance /srv/keystone",
            ),
        ),
        Command(
            "rollback",
            "Go back to the release and the data before the last upgrade",
            examples=("rollback", "rollback --instance /srv/keystone"),
        ),
        Command(
            "backup",
            "Write database, keys and configuration to one file, while the service runs",
            operand=Operand("FILE", "File or directory to write to; in the instance's backups unless given"),
            examples=("backup", "backup /media/usb/", "backup /srv/backups/keystone.tar.gz --instance /srv/keystone"),
        ),
        Command(
            "restore",
            "Bring back what a backup holds, also on another host or in another place",
            answers=True,
            operand=Operand("FILE", "A file that backup wrote", required=True),
            examples=("restore instance/backups/FILE", "restore /media/usb/FILE --host 192.168.1.104"),
        ),
        Command(
            "uninstall",
            "Remove what install made; data, keys, passwords and backups stay",
            options=(
                Option("purge", "Remove data, keys, passwords, logs and backups too, after a last backup"),
                Option("remove-user", "With --purge: remove the service's account too, if bootstrap made it"),
                Option("yes", "Agree to --purge"),
            ),
            operand=Operand("FILE", "Where the last backup goes; beside the release or the instance unless given"),
            examples=("uninstall", "uninstall --purge --yes", "uninstall --purge --yes /srv/backups/"),
        ),
        Command(
            "show-config",
            "Print every answer, its value and where it came from",
            answers=True,
            options=(_JSON,),
            checks_release=False,
            examples=("show-config", "show-config --host 192.168.1.103 --json"),
        ),
    )
}


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
    """Raises USAGE with every argument that is not understood."""
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
    problems += _missing(arguments)
    if problems and not (arguments.help or arguments.version):
        raise Failure(Exit.USAGE, *problems)
    return arguments


_HELP = ("--help", "-h")
_VERSION = ("--version", "-V")
_ANSWERS_FILE = Option("answers", "Read answers from a file of KEY=VALUE lines", "FILE")


def _known_flags(command: Command, declared: Mapping[str, Declaration]) -> dict[str, Declaration | Option]:
    flags: list[Declaration | Option] = [*accepted(command, declared), *command.options]
    if command.answers:
        flags.append(_ANSWERS_FILE)
    return {entry.flag: entry for entry in flags}


def _takes_value(target: Declaration | Option) -> bool:
    return bool(target.metavar) if isinstance(target, Option) else not target.is_switch


def _store(arguments: Arguments, target: Declaration | Option, text: str | None) -> Problem | None:
    """Keeps what was given for the option; `text` is None where it stands without a value."""
    if isinstance(target, Declaration):
        arguments.texts.setdefault(target.name, []).append("true" if text is None else text)
    elif text is not None and not target.metavar:
        return Problem(f"{target.flag} takes no value")
    elif target is _ANSWERS_FILE:
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
    if name not in COMMANDS:
        raise Failure(Exit.USAGE, Problem(f"unknown command {name}", hint=suggest(name, COMMANDS)))
    return COMMANDS[name]


def _unknown(argument: str, name: str, known: Iterable[str]) -> Problem:
    if not argument.startswith("-") or argument == "-":
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
    needed = "".join(f" {option.flag} {option.metavar}" for option in command.options if option.required)
    operand = f" {command.operand.usage}" if command.operand else ""
    return f"""\
{command.summary}.

Examples:
{_examples(command)}

Usage: {PROGRAM} {command.name}{needed}{operand} [OPTIONS]

{_options(command, declared)}"""


def _examples(command: Command) -> str:
    return "\n".join(f"  {PROGRAM} {example}" for example in command.examples)


def _options(command: Command, declared: Mapping[str, Declaration]) -> str:
    operand = command.operand
    rows = [(operand.metavar, operand.help)] if operand else []
    rows += [(f"{option.flag} {option.metavar}".rstrip(), option.help) for option in command.options]
    rows += [(_usage(entry), _describe(entry)) for entry in accepted(command, declared)]
    if command.answers:
        rows.append((f"{_ANSWERS_FILE.flag} {_ANSWERS_FILE.metavar}", _ANSWERS_FILE.help))
    rows.append(("--require-signature KEY.pub", "First of all, refuse a release that this key did not sign"))
    rows += [("-h, --help", "Show this help"), ("-V, --version", "Show which release this is")]
    return "Options:\n" + "\n".join(_row(left, right) for left, right in rows) + "\n"


def _usage(declaration: Declaration) -> str:
    return declaration.flag if declaration.is_switch else f"{declaration.flag} {declaration.metavar}"


def _describe(declaration: Declaration) -> str:
    text = declaration.help
    if declaration.choices:
        text += f": {', '.join(declaration.choices)}"
    if declaration.repeatable:
        text += "; may be repeated"
    if declaration.default is not None and not declaration.is_switch:
        text += f" [{declaration.default}]"
    return text


def _row(left: str, right: str) -> str:
    first, *others = textwrap.wrap(right, 78) or [""]
    return "\n".join([f"  {left:<27} {first}", *(f"{'':<30}{line}" for line in others)])
