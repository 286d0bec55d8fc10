"""The release: the unpacked tarball, which never changes."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ..errors import Exit, Failure, Problem
from .files import digest, is_directory, read
from .ownership import describe, is_foreign, loose_above

CHECKSUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
#: The script that compares the bytes of all files with the checksums. It cannot check itself.
SCRIPT = "init/bootstrap.sh"
#: Signatures of the checksums, which therefore do not list them; bootstrap.sh checks one if --require-signature is
#: given.
SIGNATURES = {"SHA256SUMS.sig", "SHA256SUMS.mldsa.sig"}
#: Default directory of an instance; not part of the release.
DEFAULT_INSTANCE = "instance"
#: Symbolic link in the release to the new place of its instance: during a rollback, and after an upgrade.
LEFT = "instance.left"
#: Limit of releases through which an instance is followed.
_UPGRADES = 40

_CHECKSUM_LINE = re.compile(r"^([0-9a-f]{64})  (\S.*)$", re.MULTILINE)
#: Files whose bytes bootstrap.sh may leave to the installer, which runs without them.
_PACKAGES = re.compile(r"lib/python[^/]*/site-packages/")


def compare_versions(one: str, other: str) -> int:
    """Negative if `one` is the earlier version, positive if it is the later one; 0 if they are the same."""
    left, right = ([int(number) for number in re.findall("[0-9]+", text)] for text in (one, other))
    return (left > right) - (left < right)


def find_release(directory: str) -> Release:
    """The release in a directory named by the operator."""
    return Release(os.path.realpath(directory))


@dataclass(frozen=True)
class Release:
    """`root` is its absolute path, symbolic links resolved."""

    root: str
    #: Whether `check_contents` compares the bytes of Python's packages, because bootstrap.sh has not.
    compares_packages: bool = field(default=False, compare=False)

    @cached_property
    def bundle(self) -> Mapping[str, Any]:
        """`init/bundle.json`: name, version, the declared answers and the bundle's package below `init/`."""
        with open(self.path("init", "bundle.json"), encoding="utf-8") as file:
            document: Mapping[str, Any] = json.load(file)
        return document

    @property
    def name(self) -> str:
        return f"{self.bundle['name']} {self.bundle['version']}-{self.bundle['revision']}"

    @property
    def is_listed(self) -> bool:
        """Whether it has its checksum list, from which its id is computed."""
        return os.path.exists(self.path(CHECKSUMS))

    @cached_property
    def id(self) -> str:
        """Identifies the exact bytes of the release: the digest of its checksum list."""
        with open(self.path(CHECKSUMS), "rb") as file:
            return digest(file.read())

    @property
    def left(self) -> str:
        """The new place of its instance; empty if that is unknown or no longer exists."""
        place, root = "", self.root
        for _ in range(_UPGRADES):
            try:
                place = os.readlink(os.path.join(root, LEFT))
            except OSError:
                return place if is_directory(place) else ""
            root = os.path.dirname(place)
        return ""

    @property
    def python(self) -> str:
        return self.path("bin", "python3")

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def command_line(self, *words: str, instance: str = "") -> str:
        """The shell command that runs its bootstrap; `instance` is given if it is not the default."""
        option = ("--instance", instance) if instance else ()
        return shlex.join([self.path(SCRIPT), *words, *option])

    @cached_property
    def checksums(self) -> Mapping[str, str]:
        """Path to digest, from the checksum list. Raises INTEGRITY if it is malformed."""
        text = (self._read(CHECKSUMS) or b"").decode("utf-8", "surrogateescape")
        lines = _CHECKSUM_LINE.findall(text)
        if not lines or len(lines) != text.count("\n") or not text.endswith("\n"):
            raise Failure(Exit.INTEGRITY, _damaged([CHECKSUMS], "its lines are not what was packed"))
        return {path: expected for expected, path in lines}

    def check_contents(self, instance: str = "") -> None:
        """Raises INTEGRITY for added or missing files, changed modes or link targets, a checksum list that does not
        match the manifest, and changed bytes of what bootstrap.sh did not compare before this code runs: itself, and
        perhaps the packages of Python. `instance` may be in the release under any name.
        """
        listed = self.checksums
        manifest = self._read(MANIFEST)
        if manifest is None:
            raise Failure(Exit.INTEGRITY, _damaged([MANIFEST], _MISSING))
        entries = {entry["path"]: entry for entry in json.loads(manifest)["files"]}
        packed = {path: entry["sha256"] for path, entry in entries.items() if "sha256" in entry}
        expected = {*entries, CHECKSUMS, MANIFEST}
        found = dict(_walk(self.root, self._skipped(instance)))
        differing = {path for path, entry in entries.items() if path in found and _differs(entry, found[path])}
        left = {
            path: expected
            for path, expected in packed.items()
            if (path == SCRIPT or (self.compares_packages and _PACKAGES.match(path)))
            and path in found
            and path not in differing
        }
        groups = (
            (_MISSING, expected - set(found)),
            ("their mode or link target was changed", differing),
            ("it is not of this manifest", {CHECKSUMS} if listed != {**packed, MANIFEST: digest(manifest)} else set()),
            ("its bytes were changed", self.changed(left)),
        )
        problems = [_damaged(sorted(paths), why) for why, paths in groups if paths]
        extra = sorted(set(found) - expected - SIGNATURES)
        if extra:
            problems.append(self._describe_extra(extra))
        if problems:
            raise Failure(Exit.INTEGRITY, *problems)

    def changed(self, digests: Mapping[str, str]) -> set[str]:
        """The files whose bytes do not have their digest, or cannot be read. `digests` are by path in the release."""
        entries = list(digests.items())
        changed: set[str] = set()

        def compare(share: Sequence[tuple[str, str]]) -> None:
            for path, expected in share:
                try:
                    # No other user can write here, so it need not be walked to by descriptor.
                    with open(f"{self.root}/{path}", "rb", buffering=0) as file:
                        same = digest(file.read()) == expected
                except OSError:
                    same = False
                if not same:
                    changed.add(path)

        # Hashing lets another thread run.
        other = threading.Thread(target=compare, args=(entries[1::2],))
        other.start()
        compare(entries[::2])
        other.join()
        return changed

    def check_rights(self, instance: str = "") -> None:
        """Raises INTEGRITY if another user can change the release, or exchange it through a directory above it, and so
        run code as this user. For root on a host with `find`, bootstrap.sh has checked this before."""
        skipped = self._skipped(instance)
        inside = [(self.root, _Found(os.lstat(self.root))), *_walk_all(self.root, skipped)]
        foreign = [describe(path, found.status) for path, found in inside if is_foreign(found.status)]
        loose = loose_above(self.root)
        problems = []
        if foreign:
            problems.append(
                Problem(
                    "another user can change the release",
                    where=self.root,
                    why="they belong to another user, or others can write to them",
                    details=_some(foreign),
                    hint=f"unpack the tarball again, into a new directory; or, if you trust everyone who could have "
                    f"changed it, {self._mend()}",
                )
            )
        if loose:
            problems.append(
                Problem(
                    "another user can replace the release",
                    where=self.root,
                    why="directories above it belong to another user, or others can write to them",
                    details=loose,
                    hint="move the release to a place where only you, or root, can write, such as /opt; "
                    "or close the directories: chmod go-w",
                )
            )
        if problems:
            raise Failure(Exit.INTEGRITY, *problems)

    def _mend(self) -> str:
        """The command that gives the release to this user; an instance in it stays as it is."""
        owner = f"{os.geteuid()}:{os.getegid()}"
        find = f"find . -path ./{DEFAULT_INSTANCE} -prune -o"
        return (
            f"cd {shlex.quote(self.root)} && {find} -exec chown -h {owner} {{}} + "
            f"&& {find} ! -type l -exec chmod go-w {{}} +"
        )

    def _skipped(self, instance: str) -> set[str]:
        return {DEFAULT_INSTANCE, LEFT, os.path.relpath(instance or self.root, self.root)}

    def _describe_extra(self, paths: list[str]) -> Problem:
        """The problem of added files: unpacking the tarball over them does not remove them, so they are named."""
        why = "they are not part of the release"
        if all(path.endswith(".pyc") for path in paths):
            why += ", but byte code that Python wrote there"
        if len(paths) > _NAMED:
            hint = "unpack the tarball into a new directory; over this one they would stay"
        else:
            hint = f"remove them: cd {shlex.quote(self.root)} && rm -- {shlex.join(paths)}"
        return _damaged(paths, why, hint)

    def _read(self, path: str) -> bytes | None:
        return read(self.path(path))


_MISSING = "they are missing"


_UNPACK = "unpack the tarball again; that does not touch the instance"
#: Limit of files that are named.
_NAMED = 20


def _damaged(paths: list[str], why: str, hint: str = _UNPACK) -> Problem:
    return Problem("the release is not as it was packed", why=why, details=_some(paths), hint=hint)


def _some(lines: list[str]) -> list[str]:
    return lines[:_NAMED] + ([f"… and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else [])


class _Found(NamedTuple):
    status: os.stat_result
    target: str = ""


def _walk(root: str, skipped: Collection[str]) -> Iterator[tuple[str, _Found]]:
    """Everything below `root` but directories, without the skipped paths and all below them."""
    return ((path, found) for path, found in _walk_all(root, skipped) if not stat.S_ISDIR(found.status.st_mode))


def _walk_all(root: str, skipped: Collection[str]) -> Iterator[tuple[str, _Found]]:
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path in skipped:
                    continue
                is_link = entry.is_symlink()
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                yield path, _Found(entry.stat(follow_symlinks=False), os.readlink(entry.path) if is_link else "")


def _differs(entry: Mapping[str, Any], found: _Found) -> bool:
    if "target" in entry:
        return bool(entry["target"] != found.target)
    if not stat.S_ISREG(found.status.st_mode):
        return True
    # A umask at unpacking may clear bits but sets none. A changed x bit changes what a file does, and no packed file is
    # world-writable, setuid or setgid.
    mode = found.status.st_mode
    executable = bool(int(entry["mode"], 8) & 0o100)
    return executable != bool(mode & 0o100) or bool(mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH))
