"""The release: the unpacked tarball, which never changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import Exit, Failure, Problem

CHECKSUMS = "SHA256SUMS"
#: Where an instance lies unless told otherwise; it is no part of the release.
DEFAULT_INSTANCE = "instance"

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

    @cached_property
    def id(self) -> str:
        """Names the exact bytes of the release: the digest of its checksum list."""
        with open(self.path(CHECKSUMS), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    @property
    def python(self) -> str:
        return self.path("bin", "python3")

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def checksums(self) -> dict[str, str]:
        """Path to digest, from the checksum list. Raises INTEGRITY if it is not exactly of its form."""
        with open(self.path(CHECKSUMS), encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read().split("\n")
        matches = [_CHECKSUM_LINE.fullmatch(line) for line in lines[:-1]]
        if lines[-1] or not matches or not all(matches):
            raise Failure(Exit.INTEGRITY, _damaged([CHECKSUMS], "its lines are not what was packed"))
        return {match[2]: match[1] for match in matches if match}

    def check_contents(self) -> None:
        """Raises INTEGRITY for files that were added or taken away, or whose mode or link target was changed.

        The bytes of the files are the business of bootstrap.sh, which checks them before this code runs.
        """
        listed = self.checksums()
        entries = _manifest_entries(self.path("manifest.json"))
        expected = set(listed) | set(entries) | {CHECKSUMS}
        found = dict(_walk(self.root))
        problems = []
        missing = sorted(expected - set(found))
        if missing:
            problems.append(_damaged(missing, "they are missing"))
        added = sorted(path for path in found if path not in expected)
        if added:
            problems.append(_damaged(added, "they are not part of the release"))
        changed = sorted(path for path, entry in entries.items() if path in found and _differs(entry, found[path]))
        if changed:
            problems.append(_damaged(changed, "their mode or link target was changed"))
        if problems:
            raise Failure(Exit.INTEGRITY, *problems)


def _damaged(paths: list[str], why: str) -> Problem:
    return Problem(
        "the release is not as it was packed",
        why=why,
        details=paths[:20] + ([f"… and {len(paths) - 20} more"] if len(paths) > 20 else []),
        hint="unpack the tarball again; the instance is not touched by that",
    )


@dataclass(frozen=True)
class _Found:
    status: os.stat_result
    target: str = ""


def _walk(root: str) -> Iterator[tuple[str, _Found]]:
    """Every file and symbolic link below `root`, outside the instance."""
    pending = [""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path == DEFAULT_INSTANCE:
                    continue
                if entry.is_symlink():
                    yield path, _Found(entry.stat(follow_symlinks=False), os.readlink(entry.path))
                elif entry.is_dir():
                    pending.append(path)
                else:
                    yield path, _Found(entry.stat())


def _manifest_entries(path: str) -> dict[str, Mapping[str, Any]]:
    """The files and links that the manifest lists, by path."""
    with open(path, encoding="utf-8") as file:
        manifest = json.load(file)
    return {entry["path"]: entry for entry in manifest.get("files", ())}


def _differs(entry: Mapping[str, Any], found: _Found) -> bool:
    if "target" in entry:
        return bool(entry["target"] != found.target)
    if not stat.S_ISREG(found.status.st_mode):
        return True
    # Root may unpack under a umask; only a lost or gained x bit changes what a file does.
    executable = bool(int(str(entry.get("mode", "644")), 8) & 0o100)
    return executable != bool(found.status.st_mode & 0o100)
