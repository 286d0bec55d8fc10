"""The commands of bootstrap.sh and their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .answers import Declaration

PROGRAM = "init/bootstrap.sh"


@dataclass(frozen=True)
class Option:
    """An option of a command that is not an answer. Without a `metavar` it is a switch without a value."""

    name: str
    help: str
    metavar: str = ""
    required: bool = False

    @property
    def flag(self) -> str:
        return f"--{self.name}"


@dataclass(frozen=True)
class Operand:
    """The positional arguments of a command."""

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
    #: Whether it takes all answers; other commands take only --instance.
    answers: bool = False
    options: Sequence[Option] = ()
    operand: Operand | None = None
    #: Whether it refuses a damaged release before anything else. bootstrap.sh, which checks the files' bytes, lists the
    #: commands that do not; `verify` checks by itself, and goes on.
    checks_release: bool = True
    #: Command lines, without the program, at the top of its help. `{bundle}` is replaced by the bundle's name.
    examples: Sequence[str] = ()


_JSON = Option("json", "Print one JSON document")

COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command(
            "install",
            "Configure and start the service, or apply other answers (the default)",
            answers=True,
            examples=(
                "--host 192.168.1.103",
                "install --host {bundle}.example.org --instance /srv/{bundle}",
            ),
        ),
        Command(
            "run",
            "Install, then stay in the foreground: start daemons again, print their logs, stop all on SIGTERM",
            answers=True,
            examples=("run --host 192.168.1.103", "run --answers /data/answers --instance /data/instance"),
        ),
        Command(
            "plan",
            "Print what install or upgrade would write and run; change nothing",
            answers=True,
            options=(Option("from", "Plan an upgrade from this release, the one that serves now", "RELEASE"), _JSON),
            examples=("plan --host 192.168.1.103", "plan --from /opt/{bundle}-OLD"),
        ),
        Command(
            "verify",
            "Check the release, the instance's files and the running service",
            options=(_JSON,),
            checks_release=False,
            examples=("verify", "verify --instance /srv/{bundle} --json"),
        ),
        Command("start", "Start the service", examples=("start", "start --instance /srv/{bundle}")),
        Command("stop", "Stop the service", checks_release=False, examples=("stop", "stop --instance /srv/{bundle}")),
        Command("restart", "Stop the service and start it again", examples=("restart",)),
        Command(
            "status",
            "Show what runs and what is wrong",
            options=(_JSON,),
            checks_release=False,
            examples=("status", "status --json"),
        ),
        Command(
            "maintain",
            "Rotate keys and logs that are due, while the service runs; for a timer or cron, every hour",
            checks_release=False,
            examples=("maintain", "maintain --instance /srv/{bundle}"),
        ),
        Command(
            "upgrade",
            "Take over another release's instance, with data and keys; if that fails, that release serves again",
            answers=True,
            options=(Option("from", "The release that serves now", "RELEASE", required=True),),
            examples=(
                "upgrade --from /opt/{bundle}-OLD",
                "upgrade --from ../{bundle}-OLD --instance /srv/{bundle}",
            ),
        ),
        Command(
            "rollback",
            "Go back to the release and the data from before the last upgrade",
            examples=("rollback", "rollback --instance /srv/{bundle}"),
        ),
        Command(
            "backup",
            "Write database, keys and configuration to one file, while the service runs",
            operand=Operand("FILE", "File or directory to write to; the instance's backups by default"),
            examples=("backup", "backup /media/usb/", "backup /srv/backups/{bundle}.tar.gz --instance /srv/{bundle}"),
        ),
        Command(
            "restore",
            "Restore a backup, also on another host or in another place",
            answers=True,
            operand=Operand("FILE", "A file that backup wrote", required=True),
            examples=("restore instance/backups/FILE", "restore /media/usb/FILE --host 192.168.1.104"),
        ),
        Command(
            "migrate-database",
            "Move the data to another database and use that from then on; the former one does not change",
            answers=True,
            options=(
                Option(
                    "to",
                    "URL of a database on a server; embedded, for the bundle's own server; or sqlite, for a file",
                    "DATABASE",
                    required=True,
                ),
            ),
            examples=(
                "migrate-database --to postgresql://USER@HOST/NAME",
                "migrate-database --to embedded",
                "migrate-database --to sqlite",
            ),
        ),
        Command(
            "keys export",
            "Write the keys to one encrypted file, for other nodes on the same database",
            options=(
                Option(
                    "recipient", "Certificate of the reader of the file, as PEM, with an RSA key", "FILE", required=True
                ),
            ),
            operand=Operand("FILE", "File to write", required=True),
            examples=("keys export /root/keys.cms --recipient /root/node2.pem",),
        ),
        Command(
            "keys import",
            "Take the keys of another node, before install or after a rotation",
            answers=True,
            options=(Option("recipient", "That certificate, and its key, in one file as PEM", "FILE", required=True),),
            operand=Operand("FILE", "A file that keys export wrote", required=True),
            examples=("keys import /root/keys.cms --recipient /root/node2-with-key.pem",),
        ),
        Command("keys rotate", "Rotate keys now, if all nodes have the next ones", examples=("keys rotate",)),
        Command(
            "keys forget",
            "Let rotations go on without a removed node",
            operand=Operand("NODE", "Its name, as status shows it", required=True),
            examples=("keys forget HOST:/srv/{bundle}",),
        ),
        Command(
            "uninstall",
            "Remove what install created; data, keys, passwords and backups stay",
            options=(
                Option("purge", "Remove data, keys, passwords, logs and backups too, after a last backup"),
                Option("remove-user", "With --purge: also remove the service's account, if bootstrap created it"),
                Option("yes", "Confirm --purge"),
            ),
            operand=Operand("FILE", "Where the last backup goes; beside the release or the instance by default"),
            examples=("uninstall", "uninstall --purge --yes", "uninstall --purge --yes /srv/backups/"),
        ),
        Command(
            "ask",
            "Ask for every answer, line by line, and write an answers file; install nothing",
            answers=True,
            operand=Operand("FILE", "Answers file to write", required=True),
            examples=("ask answers", "ask new-answers --answers answers"),
        ),
        Command(
            "show-config",
            "Print every answer, its value and its source",
            answers=True,
            options=(_JSON,),
            checks_release=False,
            examples=("show-config", "show-config --host 192.168.1.103 --json"),
        ),
    )
}

ANSWERS_FILE = Option("answers", "Read answers from a file of KEY=VALUE lines", "FILE")


def accepted(command: Command, declared: Mapping[str, Declaration]) -> list[Declaration]:
    """The answers that a command takes."""
    return [declaration for declaration in declared.values() if command.answers or declaration.name == "instance"]
