"""Which account the service runs under: the one named, the former one, a customary one, or a new one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..errors import Exit, Failure, Problem
from .account import Account

#: The account to use if root installs, names none, and the customary one does not exist.
NOBODY = "nobody"
#: The comment field of an account that bootstrap made, which identifies it even after an interrupted run.
MARK = "made by ksbundle"
_HOME = "/nonexistent"
#: Placeholder id of an account that is not made yet; nobody has this number.
_UNKNOWN = 65533
_SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"


def find_account(user: str | None, *, custom: str, former: str | None = None, create: bool = False) -> Account:
    """The account named `user`; else the `former` one, which the instance ran under; else `custom`, else nobody.

    With `create` the named account, or `custom`, may be missing: then `make_account` has to make it. Problems with the
    choice are in the account's `faults`.
    """
    uid = os.geteuid()
    if uid != 0:
        name = account_name(uid)
        return Account(name, uid, os.getegid(), switch=False, faults=tuple(_refuse_choice(name, user, create)))
    if user is None and create:
        user = custom
    candidates = [user] if user is not None else [*([former] if former else []), custom, NOBODY]
    for candidate in candidates:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        made = entry.pw_gecos == MARK
        account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True, made=made)
        root = Problem("the service must not run as root", hint="name an unprivileged account with --user")
        return replace(account, faults=(root,)) if account.uid == 0 else account
    missing = Account(candidates[0], _UNKNOWN, _UNKNOWN, switch=True, exists=False, made=create)
    return replace(missing, faults=tuple(_refuse_missing(missing, candidates)))


def _refuse_choice(name: str, user: str | None, create: bool) -> Iterable[Problem]:
    why = f"bootstrap runs as {name}; only root can choose or create another account"
    hint = "run bootstrap as root, or leave --user and --create-user out"
    if user is not None and user != name:
        yield Problem(f"cannot run the service as {user}", why=why, hint=hint)
    elif create and user is None:
        yield Problem("cannot create an account", why=why, hint=hint)


def _refuse_missing(account: Account, candidates: Iterable[str]) -> Iterable[Problem]:
    if not account.made:
        yield Problem(
            f"there is no account {' or '.join(dict.fromkeys(candidates))}",
            where="/etc/passwd",
            hint="add --create-user, which creates it, or name an existing account with --user",
        )
    elif not _commands(account.name):
        yield Problem(
            f"cannot create the account {account.name}",
            why="this host has neither useradd nor busybox adduser",
            hint="create it by hand, then run the command again",
        )


def _commands(name: str) -> list[list[str]]:
    """The commands that make a system account with its own group; empty if the host has no tool for it."""
    shell = next((path for path in ("/usr/sbin/nologin", "/sbin/nologin") if os.path.exists(path)), "/bin/false")
    useradd = shutil.which("useradd", path=_SEARCH)
    if useradd:
        facts = ["--home-dir", _HOME, "--shell", shell, "--comment", MARK]
        return [[useradd, "--system", "--user-group", "--no-create-home", *facts, name]]
    adduser = shutil.which("adduser", path=_SEARCH)
    # Debian's script of that name knows other options.
    if adduser and os.path.basename(os.path.realpath(adduser)) == "busybox":
        facts = ["-h", _HOME, "-s", shell, "-g", MARK]
        return [
            [os.path.join(os.path.dirname(adduser), "addgroup"), "-S", name],
            [adduser, "-S", "-D", "-H", *facts, "-G", name, name],
        ]
    return []


def describe_making(account: Account) -> list[str]:
    """The commands that `make_account` runs."""
    return [" ".join(map(_quote, argv)) for argv in _commands(account.name)]


def _quote(word: str) -> str:
    return f'"{word}"' if " " in word else word


def make_account(account: Account) -> None:
    """Makes the account with the host's tools. Raises NEEDS_PERSON with their messages."""
    for argv in _commands(account.name):
        _run(argv, f"the account {account.name} could not be created", until=lambda: _exists(account.name))


def _run(argv: Sequence[str], failed: str, *, until: Callable[[], bool]) -> None:
    """Runs a tool of the host. Raises NEEDS_PERSON if it fails and `until` is not true."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if result.returncode != 0 and not until():
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(
                failed,
                why=f"{os.path.basename(argv[0])} ended with {result.returncode}",
                details=(result.stderr or result.stdout).splitlines()[-4:],
                hint="remove the cause, or do it by hand, and run the command again",
            ),
        )


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def describe_removing(name: str) -> str:
    """The command that `remove_account` runs."""
    return " ".join(_removal(name))


def remove_account(name: str) -> None:
    """Removes an account that bootstrap made, and its group. Raises NEEDS_PERSON with the message of the host's
    tool."""
    if _exists(name):
        _run(_removal(name), f"the account {name} could not be removed", until=lambda: not _exists(name))


def _removal(name: str) -> list[str]:
    return [shutil.which("userdel", path=_SEARCH) or shutil.which("deluser", path=_SEARCH) or "userdel", name]


def account_name(uid: int) -> str:
    """The account's name, or its number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
