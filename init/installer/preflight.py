"""Checks that come before the first write. They change nothing, and all that fail are reported at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Sequence

from . import network, service
from .account import Account
from .errors import Exit, Failure, Problem
from .instance import Instance
from .network import Listener
from .processes import read_process
from .product import Product, Site

#: Free bytes that a new instance needs: its database, logs of the first days, and a margin.
FREE_SPACE = 64 << 20
#: The longest instance path: its longest file name must stay below the kernel's PATH_MAX of 4096 bytes.
LONGEST_PATH = 3800
LONGEST_NAME = 255


def check(site: Site, product: Product, own: Collection[int], *, former: Instance) -> None:
    """Raises PREFLIGHT with everything that stands in the way. `own` are the instance's running processes, `former` is
    the instance where it lies now, if it is about to be moved."""
    problems = [
        *_check_paths(site),
        *_check_target(site.instance),
        *site.account.faults,
        *_check_account(site),
        *_check_listeners(product.listeners(site), own),
        *service.check(site, product, former),
        *product.check_answers(site),
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
            yield Problem("a path is too long", where=where, why=f"{len(raw)} bytes", hint=hint)


def _check_target(instance: Instance) -> Iterator[Problem]:
    root = instance.root
    if len(os.fsencode(root)) > LONGEST_PATH:
        return
    if os.path.lexists(root) and not os.path.isdir(root):
        yield Problem("the instance is not a directory", where=root, hint="choose another place with --instance")
        return
    if os.path.isdir(root) and not instance.exists and os.listdir(root):
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
            why="it is not writable for this user" if not _is_read_only(base) else "its file system is read-only",
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
    if space.f_files and not space.f_favail:
        yield Problem("the file system has no free inodes", where=base, hint="remove some files")


def check_space(directory: str, needed: int) -> None:
    """Raises PREFLIGHT if the directory's file system has fewer free bytes than that."""
    space = os.statvfs(_existing(directory))
    free = space.f_bavail * space.f_frsize
    if free < needed:
        why = f"{free >> 20} MiB free, {(needed >> 20) + 1} MiB needed"
        problem = Problem("the disk is too full", where=directory, why=why, hint="free some space")
        raise Failure(Exit.PREFLIGHT, problem)


def _existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _check_account(site: Site) -> Iterator[Problem]:
    """The service's account must be able to enter every directory above the release and the instance."""
    if not site.account.switch or site.account.faults:
        return
    directories: dict[str, None] = {}
    for start in (site.release.path("bin"), os.path.dirname(site.instance.root)):
        path = _existing(start)
        while path not in directories:
            directories[path] = None
            path = os.path.dirname(path)
    refused = _refused(sorted(directories), site.account)
    # What lies below a closed directory is out of reach too; only the closed one is worth a word.
    for path in (path for path in refused if os.path.dirname(path) not in refused):
        yield Problem(
            f"the service's account {site.account.name} cannot enter a directory",
            where=path,
            why=f"mode {os.stat(path).st_mode & 0o7777:04o}",
            hint="move the release to a place open to it, such as /opt or /srv, or name another account with --user",
        )


def _refused(directories: Sequence[str], account: Account) -> list[str]:
    """The directories that the account may not enter, asked of the kernel in a child that becomes the account."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        become = account.become()
        if become is not None:
            become()
        refused = [str(index) for index, path in enumerate(directories) if not os.access(path, os.X_OK)]
        os.write(writer, " ".join(refused).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        indices = pipe.read().split()
    os.waitpid(child, 0)
    return [directories[int(index)] for index in indices]


def _check_listeners(listeners: Sequence[Listener], own: Collection[int]) -> Iterator[Problem]:
    sockets = network.listening_sockets()
    for listener in listeners:
        shown = f"{listener.host or '*'}:{listener.port}"
        busy = [socket for socket in sockets if socket.listener.overlaps(listener)]
        owners = sorted({pid for socket in busy for pid in network.socket_owners(socket.inode)})
        if owners and set(owners) <= set(own):
            continue
        error = network.try_listen(listener)
        if error is not None:
            yield _refusal(shown, error, owners)


def _refusal(shown: str, error: OSError, owners: Sequence[int]) -> Problem:
    if error.errno == errno.EADDRINUSE:
        names = [f"{process.name} (process {process.pid})" for process in map(read_process, owners) if process]
        return Problem(
            f"port {shown} is in use",
            why=f"by {', '.join(names)}" if names else "by a process this user cannot see",
            hint="stop it, or choose another port with --port",
        )
    if error.errno == errno.EACCES:
        return Problem(f"may not listen on port {shown}", why="ports below 1024 need root", hint="use --port 5000")
    return Problem(
        f"cannot listen on {shown}",
        why="it is no address of this host" if error.errno == errno.EADDRNOTAVAIL else str(error.strerror or error),
        hint="give --port with an address of this host, or the port alone to listen on all of them",
    )
