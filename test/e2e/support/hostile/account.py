"""The hostile service account: exchanges its own paths while root works on them.

Arguments: the instance, the directory of the canaries, the kind of replacement, and the time: `told` by inotify that root
looks there, or always (`loop`), or never, while it holds every possible lock (`locks`); then root's number of looks before an
exchange, the directories of the instance to work in, and the paths to spare. Runs as the account; prints `ready`, and runs
until it is killed. It needs only ordinary rights, and its own directories.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator

_AT_FDCWD = -100
_EXCHANGE = 2
#: See inotify(7): IN_ACCESS, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE, IN_OPEN and IN_CREATE.
_ACCESS, _ATTRIB, _CLOSE, _OPEN, _CREATE = 0x1, 0x4, 0x18, 0x20, 0x100
_TOLD = _ACCESS | _ATTRIB | _CLOSE | _OPEN | _CREATE
_EVENT = struct.Struct("iIII")
#: Files that slow down reading a directory and its files.
FILLERS = 300
_HUGE = 1 << 40
KINDS = ("link", "hard link", "fifo", "directory", "huge file")

_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: str, other: str) -> None:
    """Exchanges two paths; moves `other` to `one` if only `other` exists."""
    if _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return
    for old, new in ((other, one), (one, other)):
        try:
            os.rename(old, new)
            return
        except OSError:
            continue


def kind_of(kind: str, name: str) -> str:
    """The kind that replaces a path, relative to the instance. For `mixed N` it depends on the path, and each path
    gets each kind for N from 0 to 4."""
    word, _, number = kind.partition(" ")
    return KINDS[(zlib.crc32(name.encode()) + int(number)) % len(KINDS)] if word == "mixed" else kind


def plant(path: str, kind: str, canary: str) -> None:
    """Creates an unexpected kind of file at `path`. `canary` is the target of links."""
    if kind == "link":
        os.symlink(canary, path)
    elif kind == "hard link":
        os.link(canary, path)
    elif kind == "fifo":
        os.mkfifo(path, 0o666)
    elif kind == "directory":
        os.mkdir(path, 0o755)
        with open(os.path.join(path, "file"), "w"):
            pass
    else:
        with open(path, "wb") as file:
            file.truncate(_HUGE)


def own_paths(instance: str) -> Iterator[str]:
    """Everything in directories of the instance that are not root's, and so can be exchanged."""
    for directory, names, others in os.walk(instance):
        if os.stat(directory).st_uid != 0:
            yield from (os.path.join(directory, name) for name in sorted([*names, *others]))


class Attack:
    def __init__(
        self, instance: str, canaries: str, kind: str, after: int, places: list[str], spared: list[str]
    ) -> None:
        self.instance, self.canaries, self.kind, self.after = instance, canaries, kind, after
        self.places = [os.path.join(instance, place, "") for place in places]
        self.spared = set(spared)
        self.seen: Counter[str] = Counter()
        self.stash = os.path.join(os.path.dirname(canaries), "stash")
        self.pairs: dict[str, str] = {}
        self.inotify = _libc.inotify_init1(os.O_CLOEXEC)
        self.watched: dict[int, str] = {}
        for directory in ("log", "log/keystone"):
            for number in range(FILLERS):
                with open(os.path.join(instance, directory, f"filler-{number}.log"), "w") as file:
                    file.write("x")
        for path in list(own_paths(instance)):
            self.take(path)
        for directory in {*map(os.path.dirname, self.pairs), *filter(os.path.isdir, self.pairs)}:
            number = _libc.inotify_add_watch(self.inotify, os.fsencode(directory), _TOLD)
            if number >= 0:
                self.watched[number] = directory

    def take(self, path: str) -> None:
        """Prepares to exchange the path."""
        name = os.path.basename(path)
        if self.places and not path.startswith(tuple(self.places)):
            return
        relative = os.path.relpath(path, self.instance)
        if relative in self.spared:
            return
        kind = kind_of(self.kind, relative)
        if path in self.pairs or (name.startswith("filler-") and not name.startswith("filler-7")):
            return
        other = os.path.join(self.stash, str(len(self.pairs)))
        target = os.path.join(self.canaries, relative)
        if kind == "hard link":
            # The kernel forbids hard links to others' files (fs.protected_hardlinks), so it links its own.
            target = os.path.join(self.canaries, "theirs", "file")
        try:
            plant(other, kind, target)
        except OSError:
            return
        self.pairs[path] = other

    def when_told(self) -> None:
        """Exchanges the path that root has just looked at, and restores the one before."""
        exchanged: set[str] = set()
        while True:
            select.select([self.inotify], [], [])
            touched = self.touched()
            for path in exchanged ^ touched:
                exchange(path, self.pairs[path])
            exchanged = touched

    def touched(self) -> set[str]:
        """The kernel's events: directories that were read, and files in them that were opened."""
        events, found = os.read(self.inotify, 1 << 16), set()
        while events:
            number, mask, _, length = _EVENT.unpack_from(events)
            name = events[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode()
            events = events[_EVENT.size + length :]
            path = os.path.join(self.watched.get(number, ""), name).rstrip("/")
            if mask & _CREATE:
                self.take(path)
            self.seen[path] += 1
            if path in self.pairs and self.seen[path] > self.after:
                found.add(path)
        return found

    def for_ever(self) -> None:
        while True:
            for path, other in list(self.pairs.items()):
                exchange(path, other)


def hold_locks(instance: str) -> list[int]:
    """Locks everything that can be opened at and below the instance."""
    held = []
    for directory, _, names in os.walk(instance):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            for flags in (os.O_RDWR, os.O_RDONLY):
                try:
                    held.append(os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
                    fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
    return held


def main() -> None:
    instance, canaries, kind, how, after, places, spared = sys.argv[1:]
    if how == "locks":
        held = hold_locks(instance)
        print("ready", flush=True)
        select.select([], [], [])
        raise AssertionError(held)
    attack = Attack(instance, canaries, kind, int(after), json.loads(places), json.loads(spared))
    print("ready", flush=True)
    if how == "told":
        attack.when_told()
    else:
        attack.for_ever()


if __name__ == "__main__":
    main()
