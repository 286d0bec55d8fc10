"""Prints the files written in a cell, without differences between runs, as one JSON object of facts by path.

Arguments: their directory; a regular expression of paths in an instance that running daemons write; and `fresh` if the
run created the instance's keys, identifiers and passwords, so that only their form can be compared.
"""

import hashlib
import json
import os
import re
import sqlite3
import stat
import sys
import tarfile

root, volatile, fresh = sys.argv[1], re.compile(sys.argv[2]), "fresh" in sys.argv[3:]

TIMES = re.compile(r"'\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d[.\d]*)?'|\b\d{16}\b")
STAMP = re.compile(r"\d{8}T\d{6}Z|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: An interrupted run may have made one more.
BACKUP = re.compile(rf"({STAMP.pattern})(-before-[a-z]+)?(-\d+)?(?=\.tar\.gz)")
RANDOM = re.compile(r"[0-9a-f]{32}|\$2b\$[./\w$]+")


def main() -> None:
    state = {}
    for directory, names, files in os.walk(root):
        for name in sorted(names + files):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root)
            if not volatile.fullmatch(own_part(relative)):
                state[BACKUP.sub(r"TIME\2", relative)] = describe(path, own_part(relative))
    json.dump(state, sys.stdout, sort_keys=True, indent=0)


def own_part(relative: str) -> str:
    """The path relative to the instance; empty for others."""
    return relative.partition("/instance/")[2]


def describe(path: str, own: str) -> object:
    status = os.lstat(path)
    rights = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return [rights, os.readlink(path)]
    if not stat.S_ISREG(status.st_mode) or own.startswith("log/") or own == "lock":
        return [rights]
    if own.endswith(".db"):
        return [rights, *dump(path)]
    if path.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            return [rights, *sorted(f"{member.mode:o} {member.name}" for member in archive)]
    with open(path, "rb") as file:
        content = file.read()
    if own == "receipt.json":
        return [rights, *STAMP.sub("TIME", BACKUP.sub(r"TIME\2", content.decode())).splitlines()]
    if own == "journal":
        events = [json.loads(line) for line in content.splitlines()]
        return [rights, events[0]["operation"], events[-1]["event"]]
    if fresh and (own.startswith("keys/") or own == "admin-password"):
        return [rights, len(content)]
    return [rights, hashlib.sha256(content).hexdigest()]


def dump(path: str) -> list[str]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    faults = (
        database.execute("pragma integrity_check").fetchall() + database.execute("pragma foreign_key_check").fetchall()
    )
    lines = [TIMES.sub("TIME", line) for line in database.iterdump()]
    if fresh:
        lines = [RANDOM.sub("RANDOM", line) for line in lines]
    return [repr(faults), *sorted(lines)]


main()
