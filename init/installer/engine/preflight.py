"""Checks before the first write. They change nothing, and all failures are reported at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from shlex import quote

from ..bundle.api import Product, Site
from ..errors import Exit, Failure, Problem
from ..host import capability, clock, limits, ports
from ..host.account import Account
from ..manager import units
from ..state import files
from ..state.instance import Instance
from ..state.ownership import loose_above
from . import lifecycle
from .session import foreign

#: Free bytes that a new instance needs: its database, logs of the first days, and a margin.
FREE_SPACE = 64 << 20
#: Free inodes that it needs: for its first files and directories, and for keys and backups.
FREE_INODES = 200
#: The longest path of a release or an instance, in bytes: SQLite opens no path of more than 511, and files beside the
#: database have longer names. See MAX_PATHNAME in https://sqlite.org/src/file/src/os_unix.c.
LONGEST_PATH = 450
LONGEST_NAME = 255


def check(site: Site, product: Product, own: Collection[int], *, former: Instance, outside: bool = True) -> None:
    """Raises PREFLIGHT with all problems found. `own` are the instance's running processes, `former` is the instance in
    its present place, if it is about to be moved. Without `outside` nothing outside the instance is asked."""
    problems = [
        *_check_paths(site),
        *clock.check(),
        *limits.check(product.APPETITE, limits=not units.wants_systemd(site)),
        *_check_target(site),
        *_check_above(site),
        *_check_owner(former),
        *site.account.faults,
        *_check_account(site),
        *ports.check(product.listeners(site), own),
        *lifecycle.check(site, product, former),
        *product.check_answers(site),
        *(product.check_outside(replace(site, instance=former)) if outside else ()),
    ]
    if problems:
        raise Failure(Exit.PREFLIGHT, *problems)


def _check_paths(site: Site) -> Iterator[Problem]:
    for path in dict.fromkeys((site.release.root, site.instance.root)):
        shown = path.encode("utf-8", "backslashreplace").decode()
        where = f"{shown[:100]}…" if len(shown) > 100 else shown
        hint = "move the release, or choose another place with --instance"
        raw = os.fsencode(path)
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            yield Problem("a directory's name is not UTF-8", where=where, hint=hint)
        if any(byte < 32 or byte == 127 for byte in raw):
            yield Problem("a directory's name has a control character", where=repr(where), hint=hint)
        if len(raw) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in raw.split(b"/")):
            yield Problem(
                "a path is too long",
                where=where,
                why=f"{len(raw)} bytes; the limit is {LONGEST_PATH}, and {LONGEST_NAME} for each name",
                hint=hint,
            )


def _check_owner(instance: Instance) -> Iterator[Problem]:
    """Only the user who installed it may run bootstrap: any other, even root, would leave files that the owner cannot
    use."""
    if not instance.exists:
        return
    found = files.status(instance.root)
    if found is not None and found.st_uid != os.geteuid():
        yield foreign(instance)


def _check_target(site: Site) -> Iterator[Problem]:
    instance = site.instance
    root = instance.root
    if len(os.fsencode(root)) > LONGEST_PATH:
        return
    if files.is_taken(root) and not files.is_directory(root):
        yield Problem("the instance is not a directory", where=root, hint="choose another place with --instance")
        return
    if files.is_directory(root) and not instance.exists and files.names(root):
        yield Problem(
            "the directory is not empty and holds no instance",
            where=root,
            hint="choose an empty or new directory with --instance",
        )
    base = _existing(root)
    if not os.access(base, os.W_OK | os.X_OK):
        yield Problem(
            "the instance cannot be written",
            where=base,
            why="this user cannot write to it" if not _is_read_only(base) else "its file system is read-only",
            hint="choose another place with --instance, or run bootstrap as the instance's owner",
        )
    space = os.statvfs(base)
    free = space.f_bavail * space.f_frsize
    if not instance.exists and free < FREE_SPACE:
        yield Problem(
            "the disk is too full",
            where=base,
            why=f"{free >> 20} MiB free, {FREE_SPACE >> 20} MiB needed",
            hint="free some space, or choose another place with --instance",
        )
    if not instance.exists and space.f_files and space.f_favail < FREE_INODES:
        yield Problem(
            "the file system has too few free inodes",
            where=base,
            why=f"{space.f_favail} free, {FREE_INODES} needed",
            hint="remove some files, or choose another place with --instance",
        )


def _check_above(site: Site) -> Iterator[Problem]:
    """Root would obey files that another user put in the instance's place."""
    if os.geteuid() != 0:
        return
    # The operator may have made a symbolic link to its real place: root must own both paths.
    ways = dict.fromkeys((site.instance.root, os.path.realpath(site.instance.root)))
    loose = dict.fromkeys(line for way in ways for line in loose_above(way))
    if loose:
        yield Problem(
            "another user can exchange the instance",
            where=site.instance.root,
            why="directories above it belong to another user, or others can write to them",
            details=list(loose),
            hint="choose a place where only root can write, such as /srv, with --instance; or run as that user",
        )


def check_space(directory: str, needed: int) -> None:
    """Raises PREFLIGHT if the directory's file system has fewer than `needed` free bytes."""
    space = os.statvfs(_existing(directory))
    free = space.f_bavail * space.f_frsize
    if free < needed:
        why = f"{free >> 20} MiB free, {(needed >> 20) + 1} MiB needed"
        problem = Problem("the disk is too full", where=directory, why=why, hint="free some space")
        raise Failure(Exit.PREFLIGHT, problem)


def _existing(path: str) -> str:
    while not files.is_directory(path):
        path = os.path.dirname(path)
    return path


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _check_account(site: Site) -> Iterator[Problem]:
    """Root must see the account's processes, and the account must be able to enter every directory above the release
    and the instance, and to read the release."""
    account = site.account
    if not account.switch or account.faults:
        return
    if not capability.sees_processes():
        yield Problem(
            f"root cannot see the processes of the service's account {account.name} here",
            why="it lacks the capability CAP_SYS_PTRACE, as in most containers",
            hint="run bootstrap as an unprivileged user, or add the capability: --cap-add SYS_PTRACE",
        )
    directories: dict[str, None] = {}
    for start in (site.release.path("bin"), os.path.dirname(site.instance.root)):
        path = _existing(start)
        while path not in directories:
            directories[path] = None
            path = os.path.dirname(path)
    closed = _refused(sorted(directories), os.X_OK, account)
    # Directories below a closed one cannot be entered either; report only the closed one.
    for path in (path for path in closed if os.path.dirname(path) not in closed):
        yield Problem(
            f"the service's account {account.name} cannot enter a directory",
            where=path,
            why=f"mode {os.stat(path).st_mode & 0o7777:04o}",
            hint=_way_in(path, site.release.root),
        )
    if closed:
        return
    hidden = _refused([f"{site.release.root}/{path}" for path in site.release.checksums], os.R_OK, account)
    if hidden:
        yield Problem(
            f"the service's account {account.name} cannot read the release",
            where=hidden[0],
            why=f"{len(hidden)} files are closed to it; was the release unpacked under umask 077?",
            hint=f"chmod -R go+rX {quote(site.release.root)}",
        )


def _way_in(path: str, release: str) -> str:
    """What to do about a directory that the service's account cannot enter."""
    if f"{path}/".startswith(f"{release}/"):
        return f"chmod -R go+rX {quote(release)}"
    place = "move the release" if release.startswith(f"{path}/") else "choose another place with --instance"
    return f"{place}, open to it, such as /opt or /srv; or name another account with --user"


def _refused(paths: Sequence[str], access: int, account: Account) -> list[str]:
    """The paths that deny this access to the account; the kernel decides, in a process of that account."""
    return [paths[index] for index in account.run(_closed, paths, access)]


def _closed(paths: Sequence[str], access: int) -> list[int]:
    return [index for index, path in enumerate(paths) if not os.access(path, access)]
