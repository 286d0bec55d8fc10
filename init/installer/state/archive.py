"""The format of a backup: a compressed tar of regular files, the first of which lists all others with digests.

An archive is untrusted input: every byte is checked before anything is extracted, and it may contain only files with
plain relative names.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from typing import IO, Any, BinaryIO

from ..errors import Exit, Failure, Problem
from . import files
from .files import Owner
from .instance import OWN_NAMES, check_name

FORMAT = 1
MANIFEST = "manifest.json"
RECEIPT = "receipt.json"
#: The fact that names data of the instance that was not saved.
WITHOUT = "without"
_PIECE = 1 << 20
#: Far above any instance's list of files; keeps a damaged size from filling the memory.
_LONGEST_MANIFEST = 16 << 20
_LONGEST_RECEIPT = 16 << 20
#: Write permissions that are removed from every extracted file.
_OPEN = 0o022


@dataclass(frozen=True)
class Source:
    """A file to be stored under the relative `path`: its content, or the file that holds it."""

    path: str
    mode: int
    content: bytes = b""
    file: str = ""
    #: The user whose files may have several names; see `files.opened`.
    linked_by: int | None = None

    def open(self) -> AbstractContextManager[BufferedReader | BytesIO]:
        return files.opened(self.file, linked_by=self.linked_by) if self.file else BytesIO(self.content)


@dataclass(frozen=True)
class Entry:
    path: str
    mode: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Archive:
    """A checked archive. `facts` are those of its manifest."""

    path: str
    facts: Mapping[str, Any]
    entries: Mapping[str, Entry]
    receipt: bytes

    @property
    def without(self) -> Sequence[object]:
        """Data of the instance that was not saved."""
        found = self.facts.get(WITHOUT)
        return found if isinstance(found, list) else ()

    @property
    def size(self) -> int:
        """Bytes of everything in it."""
        return sum(entry.size for entry in self.entries.values())


def write(stream: BinaryIO, facts: Mapping[str, Any], sources: Sequence[Source]) -> None:
    """Writes an archive. Raises NEEDS_PERSON if a source changes meanwhile."""
    entries = [_entry(source) for source in sources]
    document = {**facts, "format": FORMAT, "files": [vars(entry) for entry in entries]}
    manifest = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    # Fast rather than small: the service may be down meanwhile.
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, Entry(MANIFEST, 0o600, len(manifest), files.digest(manifest)), BytesIO(manifest))
        for source, entry in zip(sources, entries, strict=True):
            with source.open() as content:
                _add(tar, entry, content)


def _entry(source: Source) -> Entry:
    with source.open() as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        return Entry(source.path, source.mode, content.seek(0, os.SEEK_END), digest)


def _add(tar: tarfile.TarFile, entry: Entry, content: BufferedReader | BytesIO) -> None:
    member = tarfile.TarInfo(entry.path)
    member.size, member.mode = entry.size, entry.mode
    hashed = _Hashed(content)
    tar.addfile(member, hashed)
    if hashed.digest.hexdigest() != entry.sha256:
        hint = "run the command again; if the service writes to it all the time, stop the service first"
        problem = Problem("a file has changed while it was saved", where=entry.path, hint=hint)
        raise Failure(Exit.NEEDS_PERSON, problem)


class _Hashed:
    """A file that computes the digest of what is read from it."""

    def __init__(self, content: BufferedReader | BytesIO) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = 0, /) -> bytes:
        # A file that has become shorter then has another digest.
        piece = self._content.read(size).ljust(size, b"\0")
        self.digest.update(piece)
        return piece


def read(path: str) -> Archive:
    """Checks the whole archive; writes nothing. Raises PREFLIGHT if it cannot be read, INTEGRITY if it is damaged."""
    receipt = b""
    with _reading(path) as (facts, members):
        entries = _parse_entries(facts)
        for entry, pieces in _checked(entries, members):
            for piece in pieces:
                receipt += piece if entry.path == RECEIPT else b""
        if RECEIPT not in entries:
            raise ValueError("it holds no receipt")
    return Archive(path, facts, entries, receipt)


def content(archive: Archive, path: str, longest: int) -> bytes | None:
    """The content of a file in it; None if there is none, or a larger one. Raises as `read` does."""
    if path not in archive.entries or archive.entries[path].size > longest:
        return None
    found = b""
    with _reading(archive.path) as (_, members):
        for entry, pieces in _checked(archive.entries, members):
            for piece in pieces:
                found += piece if entry.path == path else b""
    return found


def extract(archive: Archive, directory: str, owner_of: Callable[[str], Owner | None]) -> None:
    """Extracts and syncs the files below the empty `directory`. Raises as `read` does."""
    with _reading(archive.path) as (_, members):
        for entry, pieces in _checked(archive.entries, members):
            _make_parents(directory, entry.path)
            target = os.path.join(directory, entry.path)
            with files.replacing(target, entry.mode & ~_OPEN, owner_of(entry.path)) as file:
                for piece in pieces:
                    # Holes stay holes: a sparse file may be larger than the disk.
                    if piece.count(0) == len(piece):
                        file.seek(len(piece), os.SEEK_CUR)
                    else:
                        file.write(piece)
                file.truncate()


def _make_parents(directory: str, path: str) -> None:
    for index, character in enumerate(path):
        if character == "/":
            files.ensure_directory(os.path.join(directory, path[:index]), 0o700)


_Members = Iterator[tuple[str, IO[bytes]]]


@contextmanager
def _reading(path: str) -> Iterator[tuple[Mapping[str, Any], _Members]]:
    """Yields the manifest and every other member. Raises INTEGRITY for any damage of the bytes."""
    try:
        with _open(path) as file, gzip.GzipFile(fileobj=file) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            yield _read_manifest(tar), _members(tar)
            # The checksum of the compressed stream is at its end.
            while packed.read(_PIECE):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, KeyError, TypeError) as error:
        raise Failure(
            Exit.INTEGRITY,
            Problem(
                "the backup is damaged",
                where=path,
                why=str(error),
                hint="use another copy of it; nothing was changed here",
            ),
        ) from error


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        problem = Problem(
            "the backup cannot be read",
            where=path,
            why=error.strerror or str(error),
            hint="name a file that `bootstrap.sh backup` wrote",
        )
        raise Failure(Exit.PREFLIGHT, problem) from error


def _read_manifest(tar: tarfile.TarFile) -> Mapping[str, Any]:
    member = tar.next()
    content = tar.extractfile(member) if member is not None and member.isreg() else None
    if member is None or content is None or member.name != MANIFEST or member.size > _LONGEST_MANIFEST:
        raise ValueError("it does not start with its list of files")
    facts: Mapping[str, Any] = json.loads(content.read())
    if facts["format"] > FORMAT:
        raise ValueError(f"its format {facts['format']} is newer than this installer's {FORMAT}")
    return facts


def _members(tar: tarfile.TarFile) -> _Members:
    while (member := tar.next()) is not None:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise ValueError(f"{member.name!r} is not a regular file")
        yield member.name, content


def _parse_entries(facts: Mapping[str, Any]) -> dict[str, Entry]:
    rows = [Entry(row["path"], int(row["mode"]), int(row["size"]), row["sha256"]) for row in facts["files"]]
    for row in rows:
        if check_name(row.path).partition("/")[0] in OWN_NAMES:
            raise ValueError(f"{row.path} does not belong in a backup")
        if row.mode & ~0o777:
            raise ValueError(f"{row.path} has a mode that no file of an instance has")
        if row.size < 0 or (row.path == RECEIPT and row.size > _LONGEST_RECEIPT):
            raise ValueError(f"{row.path} has a size that no file of an instance has")
    return {row.path: row for row in rows}


def _checked(entries: Mapping[str, Entry], members: _Members) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """The listed files with their content, each exactly once; raises ValueError for anything else."""
    left = dict(entries)
    for name, content in members:
        entry = left.pop(name, None)
        if entry is None:
            raise ValueError(f"it holds {name!r}, which it does not list, or twice")
        yield entry, _pieces(entry, content)
    if left:
        raise ValueError(f"it lacks {', '.join(sorted(left)[:5])}")


def _pieces(entry: Entry, content: IO[bytes]) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), entry.size
    while piece := content.read(_PIECE):
        left -= len(piece)
        if left < 0:
            raise ValueError(f"{entry.path} is larger than it lists")
        digest.update(piece)
        yield piece
    if left or digest.hexdigest() != entry.sha256:
        raise ValueError(f"{entry.path} is not as it was stored")
