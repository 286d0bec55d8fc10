"""The text of --help."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from .answers import Declaration
from .command_table import ANSWERS_FILE, COMMANDS, PROGRAM, Command, accepted

#: Command lines at the top of the overview; see `Command.examples`.
_EXAMPLES = (
    "--host 192.168.1.103",
    "--host {bundle}.example.org --instance /srv/{bundle}",
    "status",
    "stop",
)


def overview(release: str, bundle: str, declared: Mapping[str, Declaration]) -> str:
    """Help for all commands of the release named `release`."""
    commands = "\n".join(f"  {command.name:<12} {command.summary}" for command in COMMANDS.values())
    return f"""\
{release}: installs and runs an instance of this release, on a host without a network.

Examples:
{_examples(_EXAMPLES, bundle, declared)}

Usage: {PROGRAM} [COMMAND] [OPTIONS]

Commands:
{commands}

{_options(COMMANDS["install"], declared)}
Each option is also read from the environment (--service-name as KSB_SERVICE_NAME), then from the answers file, then
from what the last run was given. Give an empty value to go back to the default.

Exit codes: 0 done, 1 internal, 2 usage, 3 preflight, 4 integrity, 5 locked, 6 failed and rolled back,
7 failed and needs a person, 8 verification failed, 128+n signal.
"""


def command_help(command: Command, bundle: str, declared: Mapping[str, Declaration]) -> str:
    needed = "".join(f" {option.flag} {option.metavar}" for option in command.options if option.required)
    operand = f" {command.operand.usage}" if command.operand else ""
    return f"""\
{command.summary}.

Examples:
{_examples(command.examples, bundle, declared)}

Usage: {PROGRAM} {command.name}{needed}{operand} [OPTIONS]

{_options(command, declared)}"""


def _examples(examples: Sequence[str], bundle: str, declared: Mapping[str, Declaration]) -> str:
    """The examples, without those that set an address if the bundle has no such answer."""
    usable = (example for example in examples if "host" in declared or "--host " not in example)
    return "\n".join(f"  {PROGRAM} {example.format(bundle=bundle)}" for example in usable)


def _options(command: Command, declared: Mapping[str, Declaration]) -> str:
    operand = command.operand
    rows = [(operand.metavar, operand.help)] if operand else []
    rows += [(f"{option.flag} {option.metavar}".rstrip(), option.help) for option in command.options]
    rows += [(option(entry), describe(entry)) for entry in accepted(command, declared)]
    if command.answers:
        rows.append((f"{ANSWERS_FILE.flag} {ANSWERS_FILE.metavar}", ANSWERS_FILE.help))
    rows.append(("--require-signature KEY.pub", "Refuse a release that this key did not sign, before anything else"))
    rows += [("-h, --help", "Show this help"), ("-V, --version", "Show the release")]
    return "Options:\n" + "\n".join(_row(left, right) for left, right in rows) + "\n"


def option(declaration: Declaration) -> str:
    """`--name METAVAR`."""
    return declaration.flag if declaration.is_switch else f"{declaration.flag} {declaration.metavar}"


def describe(declaration: Declaration) -> str:
    """What an answer means, with its choices and its default."""
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
