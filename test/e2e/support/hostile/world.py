"""The initial state of a case, and its invariants: instances, and canaries outside of them.

Arguments: the site's directory, and the directory of what is the same at the beginning of each case: a copy of it has
the instances.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import account

SITE, PRISTINE = sys.argv[1:3]
ACCOUNT = 65534
OUTSIDE = os.path.join(SITE, "outside")
#: Mirrors an instance: the targets of links have the same names.
CANARIES = os.path.join(OUTSIDE, "canaries")
#: The account's directory for prepared replacements.
STASH = os.path.join(OUTSIDE, "stash")
#: Text in every canary. No file of the account may ever contain it.
TOKEN = b"ksbundle-canary-4711"


def reset(case: dict[str, Any]) -> None:
    """Restores the state before the first case."""
    end_account()
    for name in os.listdir(SITE):
        release = os.path.join(SITE, name)
        if os.path.isdir(os.path.join(release, "init")):
            for left in ("instance", "instance.left"):
                remove(os.path.join(release, left))
            for other in os.listdir(release):
                if other.startswith("instance."):
                    remove(os.path.join(release, other))
    remove(OUTSIDE)
    subprocess.run(["cp", "-a", os.path.join(PRISTINE, case["pristine"]), case["instance"]], check=True)
    make_canaries(case["instance"])


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def make_canaries(instance: str) -> None:
    os.mkdir(OUTSIDE)
    os.mkdir(CANARIES)
    for path in account.own_paths(instance):
        make_canary(path, instance, directory=os.path.isdir(path))
    for number in range(account.FILLERS):
        for directory in ("log", "log/keystone"):
            make_canary(os.path.join(instance, directory, f"filler-{number}.log"), instance, directory=False)
    for name, mode in (("shadow", 0o640), ("su", 0o4755), ("spool", 0o3773)):
        path = os.path.join(OUTSIDE, name)
        if name == "spool":
            os.mkdir(path)
        else:
            write(path, TOKEN)
        os.chmod(path, mode)
    os.mkdir(STASH)
    os.chown(STASH, ACCOUNT, ACCOUNT)
    theirs = os.path.join(CANARIES, "theirs")
    os.mkdir(theirs)
    write(os.path.join(theirs, "file"), b"the account's own")
    for path in (theirs, os.path.join(theirs, "file")):
        os.chown(path, ACCOUNT, ACCOUNT)


def make_canary(path: str, instance: str, *, directory: bool) -> str:
    target = os.path.join(CANARIES, os.path.relpath(path, instance))
    if not os.path.lexists(target):
        if directory:
            os.makedirs(target, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            write(target, TOKEN + b" " + os.fsencode(target) + b"\n")
            os.chmod(target, 0o600)
    return target


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def snapshot() -> dict[str, str]:
    """Owner, mode, size, times and content of everything outside the instances that must not change."""
    found = {}
    for directory, names, others in os.walk(OUTSIDE):
        names[:] = [name for name in names if os.path.join(directory, name) != STASH]
        for name in [*names, *others]:
            path = os.path.join(directory, name)
            if not path.startswith(os.path.join(CANARIES, "theirs", "file")):
                found[path] = describe(path)
    status = os.stat(os.path.join(CANARIES, "theirs", "file"))
    found[os.path.join(CANARIES, "theirs", "file")] = f"{status.st_uid}:{status.st_gid} {status.st_mode:o}"
    for release in sorted(os.listdir(SITE)):
        for place in ("", "init", "bin", "lib"):
            path = os.path.join(SITE, release, place)
            if os.path.isdir(os.path.join(SITE, release, "init")):
                status = os.stat(path)
                found[path] = f"{status.st_uid}:{status.st_gid} {status.st_mode:o}"
    return found


def describe(path: str) -> str:
    status = os.lstat(path)
    content = ""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    when = "" if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns
    return f"{status.st_uid}:{status.st_gid} {status.st_mode:o} {when} {content}"


def plant(case: dict[str, Any]) -> None:
    """Replaces the paths, as the account can, or could on a kernel without guards."""
    instance = case["instance"]
    for name in case["paths"]:
        path = os.path.join(instance, name)
        is_directory = os.path.isdir(path) or not (os.path.lexists(path) or "." in name)
        target = make_canary(path, instance, directory=is_directory)
        kind = account.kind_of(case["kind"], name)
        if kind == "hard link" and os.path.isdir(target):
            continue
        remove(path)
        account.plant(path, kind, target)
        if kind != "hard link":
            os.chown(path, ACCOUNT, ACCOUNT, follow_symlinks=False)


def leaks(case: dict[str, Any], said: str) -> Iterator[str]:
    """Paths of root's secrets within reach of the account, or in a backup."""
    canaries = {os.lstat(path).st_ino for path in snapshot() if os.path.lexists(path)}
    for directory, names, others in os.walk(SITE):
        # The files of a release never change.
        names[:] = [name for name in names if name not in ("outside", "bin", "init", "lib", "licenses", "share")]
        for name in others:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_ino in canaries or status.st_size > 1 << 28:
                continue
            if holds_token(path) and (name.endswith(".gz") or is_readable(status)):
                yield f"{os.path.relpath(path, SITE)} holds what only root may read"
    if TOKEN.decode() in said:
        yield "the command shows what only root may read"


def holds_token(path: str) -> bool:
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            return TOKEN in file.read()
    except (OSError, EOFError):
        return False


def is_readable(status: os.stat_result) -> bool:
    mode = status.st_mode
    return bool(mode & 0o004 or (mode & 0o040 and status.st_gid == ACCOUNT) or status.st_uid == ACCOUNT)


def end_account() -> None:
    """Ends every process of the account, and waits for it."""
    for _ in range(200):
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and owner(pid) == ACCOUNT]
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        if not found:
            return
        time.sleep(0.02)


def owner(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] in "ZX":
                return None
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None
