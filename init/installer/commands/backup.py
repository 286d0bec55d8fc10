"""Backups of an instance: the `backup` command, and those made before data is changed."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator

from .. import report
from ..bundle.api import Site, make_directories
from ..bundle.store import Store
from ..engine import preflight
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..host import clock
from ..state import archive, files, trees
from ..state.archive import Source
from ..state.instance import CONFIGURATION, Instance, check_name
from ..state.receipt import Receipt, timestamp
from ..state.trees import Found

#: How many automatic backups are kept.
KEPT = 5
#: Total bytes allowed for a backup's files without data: keys, passwords and settings, held in memory.
LARGEST = 128 << 20

_AUTOMATIC = re.compile(r".*-before-[a-z]+(?:-[0-9]+)?\.tar\.gz")


def backup(session: Session, file: str | None) -> None:
    """The command: writes database, keys and configuration to `file`, or into the instance, and prints the path."""
    recorded = session.installed()
    session.settled()
    site = session.site()
    with session.exclusive():
        path = _operators_path(session, recorded, file)
        with report.step("back up"):
            write(session, site, path)
        warn_of_skipped(session)
    report.out(path)


def take(session: Session, site: Site, reason: str, *, whole: bool = False) -> str:
    """Makes a backup before the data is changed; returns its path, relative to the instance. Only a `whole` one holds
    bulky data; see `Store`.

    Removes the oldest automatic backups, but never the one that `rollback` needs or the one from before an unfinished
    change, however often that is retried. The journal must have begun.
    """
    instance, recorded = session.instance, session.receipt or session.installed()
    unfinished = session.journal.unfinished()
    session.journal.step("back up")
    _make_directory(instance)
    with report.step("back up") as remark:
        path = _unused(instance.backups, f"{_name(recorded)}-before-{reason}")
        write(session, site, path, whole=whole)
        remark(path)
    relative = os.path.relpath(path, instance.root)
    first = unfinished.backup if unfinished is not None else ""
    _prune(instance.backups, {relative, first, recorded.previous.get("backup", "")})
    session.journal.step("backed up", backup=relative)
    return relative


def space_needed(session: Session, *, whole: bool = True) -> int:
    """Bytes that writing a backup may take: the stores' dumps and the file itself."""
    sizes = [store.size() for store in session.stores() if whole or not store.bulky]
    return sum(size.dump + size.content for size in sizes) + (1 << 20)


def _operators_path(session: Session, recorded: Receipt, file: str | None) -> str:
    if file is not None:
        return resolve_target(session, recorded, file)
    _make_directory(session.instance)
    return _unused(session.instance.backups, _name(recorded))


def _make_directory(instance: Instance) -> None:
    """Makes the instance's directory of backups and removes partial files of interrupted runs."""
    files.ensure_directory(instance.backups, 0o700)
    for name in files.names(instance.backups):
        if name.endswith(files.TEMPORARY_SUFFIX):
            files.remove(os.path.join(instance.backups, name))


def resolve_target(session: Session, recorded: Receipt, file: str) -> str:
    """The absolute path of a backup to write to `file`, which may be a directory. Raises PREFLIGHT if that is
    impossible."""
    path = os.path.abspath(file)
    path = _unused(path, _name(recorded)) if files.is_directory(path) else path
    _check_target(session, path)
    return path


def _check_target(session: Session, path: str) -> None:
    directory = os.path.dirname(path)
    inside = path.startswith(f"{session.release.root}/") and not path.startswith(f"{session.instance.root}/")
    why = next(
        (
            why
            for wrong, why in (
                (files.is_taken(path), "a file of that name exists, and a backup never replaces a file"),
                (not files.is_directory(directory), "there is no such directory"),
                (not os.access(directory, os.W_OK | os.X_OK), "this user cannot write to the directory"),
                (inside, "it is in the release, which never changes"),
            )
            if wrong
        ),
        None,
    )
    if why is not None:
        problem = Problem("cannot write a backup there", where=path, why=why, hint="name another file")
        raise Failure(Exit.PREFLIGHT, problem)


def _name(recorded: Receipt) -> str:
    return f"{recorded.bundle}-{recorded.version}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


def _unused(directory: str, stem: str) -> str:
    number = 1
    path = os.path.join(directory, f"{stem}.tar.gz")
    while files.is_taken(path):
        number += 1
        path = os.path.join(directory, f"{stem}-{number}.tar.gz")
    return path


def _prune(directory: str, needed: set[str]) -> None:
    automatic = [os.path.join(directory, name) for name in files.names(directory) if _AUTOMATIC.fullmatch(name)]
    for path in sorted(automatic, key=_age)[KEPT:]:
        if os.path.join(os.path.basename(directory), os.path.basename(path)) not in needed:
            files.remove(path)


def _age(path: str) -> tuple[bool, float]:
    """A sort key: the newest first. A file dated in the future counts as the oldest."""
    found = files.status(path, follow=False)
    made = found.st_mtime if found is not None else 0.0
    return clock.is_ahead(made), -made


def write(session: Session, site: Site, path: str, *, whole: bool = True) -> None:
    """Writes a backup to `path`, with bulky data if `whole`. The file gets its name only when it is complete."""
    recorded = session.receipt or session.installed()
    make_directories(session.product, site)
    copies = os.path.join(session.instance.temporary, "backup")
    trees.remove(copies, lenient=True)
    files.ensure_directory(copies, 0o700, site.account.owner)
    preflight.check_space(copies, space_needed(session, whole=whole))
    stores = session.product.kept(site)
    saved = [store for store in stores if whole or not store.bulky]
    try:
        sources = [*_plain_files(session, recorded), *_data(site, saved, copies)]
        facts = {
            "bundle": recorded.bundle,
            "version": recorded.version,
            "release": {"id": recorded.release_id, "path": recorded.release_path},
            "instance": recorded.instance_path,
            "created": timestamp(),
            archive.WITHOUT: [store.paths[0] for store in stores if store not in saved],
        }
        with files.replacing(path, 0o600) as stream:
            archive.write(stream, facts, sources)
    finally:
        trees.remove(copies, lenient=True)


def _data(site: Site, stores: Iterable[Store], copies: str) -> Iterator[Source]:
    for number, store in enumerate(stores):
        target = os.path.join(copies, str(number))
        files.ensure_directory(target, 0o700, site.account.owner)
        yield from store.dump(target)


def _rights(status: os.stat_result) -> int:
    """The permissions that a backup keeps of a file: without setuid, setgid and sticky bits."""
    return stat.S_IMODE(status.st_mode) & 0o777


def _plain_files(session: Session, recorded: Receipt) -> Iterator[Source]:
    """The receipt, keys and passwords, the rendered files, and the operator's files beside them."""
    instance, left = session.instance, LARGEST
    paths = {instance.receipt: None, **dict.fromkeys(plain_files(session, recorded.files))}
    for path in paths:
        with files.opened(path) as file:
            rights, content = _rights(os.fstat(file.fileno())), files.read_whole(file, path)
        left -= len(content)
        if left < 0:
            raise OSError(errno.EFBIG, f"without the data, the files are larger than {LARGEST >> 20} MiB", path)
        yield Source(os.path.relpath(path, instance.root), rights, content=content)


def plain_files(session: Session, rendered: Iterable[str]) -> Iterator[str]:
    """Absolute paths of files that a backup copies as they are. Leaves out rendered files outside the instance: a
    restore renders units for its own host."""
    inside = [path for path in rendered if not os.path.isabs(path)]
    for name in (CONFIGURATION, *session.product.SECRETS, *inside):
        for entry in trees.below(session.instance.path(name)):
            # A temporary file of a killed writer is not part of the instance.
            if _is_kept(session.instance, entry) and not entry.at.path.endswith(files.TEMPORARY_SUFFIX):
                yield entry.at.path


def warn_of_skipped(session: Session) -> None:
    """Warns of entries that a backup cannot hold: otherwise they would be missed only after a restore."""
    names = (CONFIGURATION, *session.product.SECRETS)
    below = (entry for name in names for entry in trees.below(session.instance.path(name)))
    found = [entry.at.path for entry in below if not _is_kept(session.instance, entry)]
    if found:
        report.warn(
            Problem(
                "some files are not in the backup",
                why="only regular files with one plain name are; the service's account may have made the others",
                details=sorted(found),
                hint="put the files themselves there, or back up the targets of the links yourself",
            )
        )


def _is_kept(instance: Instance, entry: Found) -> bool:
    """Whether a backup can hold it and a restore accepts it: the service's account may have put anything there."""
    try:
        check_name(os.path.relpath(entry.at.path, instance.root))
    except ValueError:
        return False
    return entry.is_plain
