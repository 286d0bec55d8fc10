"""The release: the unpacked tarball, which never changes."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import Exit, Failure, Problem
from .files import digest, read

CHECKSUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
#: The script that compares the bytes of all files with the checksums. It cannot vouch for itself.
SCRIPT = "init/bootstrap.sh"
#: Signs the checksums, so that they cannot list it; bootstrap.sh checks it where --require-signature is given.
SIGNATURE = "SHA256SUMS.sig"
#: Where an instance lies unless told otherwise; it is no part of the release.
DEFAULT_INSTANCE = "instance"
#: Symbolic link in the release to where its own instance went, while a rollback is under way.
LEFT = "instance.left"

_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def compare_versions(one: str, other: str) -> int:
    """Negative if `one` is the earlier version, positive if it is the later one; 0 if they are the same."""
    left, right = ([int(number) for number in re.findall("[0-9]+", text)] for text in (one, other))
    return (left > right) - (left < right)


def find_release(directory: str) -> Release:
    """The release in a directory that an operator named."""
    return Release(os.path.realpath(directory))


@dataclass(frozen=True)
class Release:
    """`root` is its absolute path, symbolic links resolved."""

    root: str

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
        """Whether its checksum list is there, without which it has no id."""
        return os.path.exists(self.path(CHECKSUMS))

    @cached_property
    def id(self) -> str:
        """Names the exact bytes of the release: the digest of its checksum list."""
        with open(self.path(CHECKSUMS), "rb") as file:
            return digest(file.read())

    @property
    def python(self) -> str:
        return self.path("bin", "python3")

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def checksums(self) -> dict[str, str]:
        """Path to digest, from the checksum list. Raises INTEGRITY if it is not exactly of its form."""
        lines = (self._read(CHECKSUMS) or b"").decode("utf-8", "surrogateescape").split("\n")
        matches = [_CHECKSUM_LINE.fullmatch(line) for line in lines[:-1]]
        if lines[-1] or not matches or not all(matches):
            raise Failure(Exit.INTEGRITY, _damaged([CHECKSUMS], "its lines are not what was packed"))
        return {match[2]: match[1] for match in matches if match}

    def check_contents(self, instance: str = "") -> None:
        """Raises INTEGRITY for files that were added or taken away, or whose mode or link target was changed, and for a
        checksum list that is not that of the manifest. `instance` may lie in the release under any name.

        The bytes of the files are the business of bootstrap.sh, which checks them before this code runs.
        """
        listed = self.checksums()
        manifest = self._read(MANIFEST)
        if manifest is None:
            raise Failure(Exit.INTEGRITY, _damaged([MANIFEST], _MISSING))
        entries = {entry["path"]: entry for entry in json.loads(manifest)["files"]}
        packed = {path: entry["sha256"] for path, entry in entries.items() if "sha256" in entry}
        script = self._read(SCRIPT)
        expected = {*entries, CHECKSUMS, MANIFEST}
        found = dict(_walk(self.root, {DEFAULT_INSTANCE, LEFT, os.path.relpath(instance or self.root, self.root)}))
        differing = {path for path, entry in entries.items() if path in found and _differs(entry, found[path])}
        groups = (
            (_MISSING, expected - set(found)),
            ("their mode or link target was changed", differing),
            ("it is not of this manifest", {CHECKSUMS} if listed != {**packed, MANIFEST: digest(manifest)} else set()),
            ("its bytes were changed", {SCRIPT} if script and digest(script) != packed.get(SCRIPT) else set()),
        )
        problems = [_damaged(sorted(paths), why) for why, paths in groups if paths]
        extra = sorted(set(found) - expected - {SIGNATURE})
        if extra:
            problems.append(self._describe_extra(extra))
        if problems:
            raise Failure(Exit.INTEGRITY, *problems)

    def _describe_extra(self, paths: list[str]) -> Problem:
        """Files that were added stay when the tarball is unpacked over them, so they have to be named and removed."""
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


_UNPACK = "unpack the tarball again; the instance is not touched by that"
#: Files that are named, at most.
_NAMED = 20


def _damaged(paths: list[str], why: str, hint: str = _UNPACK) -> Problem:
    details = paths[:_NAMED] + ([f"… and {len(paths) - _NAMED} more"] if len(paths) > _NAMED else [])
    return Problem("the release is not as it was packed", why=why, details=details, hint=hint)


@dataclass(frozen=True)
class _Found:
    status: os.stat_result
    target: str = ""


def _walk(root: str, skipped: Collection[str]) -> Iterator[tuple[str, _Found]]:
    """Every file and symbolic link below `root`, but for the paths that are skipped with all below them."""
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path in skipped:
                    continue
                if entry.is_symlink():
                    yield path, _Found(entry.stat(follow_symlinks=False), os.readlink(entry.path))
                elif entry.is_dir():
                    pending.append(path)
                else:
                    yield path, _Found(entry.stat())


def _differs(entry: Mapping[str, Any], found: _Found) -> bool:
    if "target" in entry:
        return bool(entry["target"] != found.target)
    if not stat.S_ISREG(found.status.st_mode):
        return True
    # Root may unpack under a umask, which takes bits and gives none. A lost or gained x bit changes what a file does; a
    # file that anybody may write, or that runs as its owner, was packed by nobody.
    mode = found.status.st_mode
    executable = bool(int(entry["mode"], 8) & 0o100)
    return executable != bool(mode & 0o100) or bool(mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH))
