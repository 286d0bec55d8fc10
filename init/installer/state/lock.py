"""One installer at a time works on an instance.

Any user who can open the lock file can hold the lock. So if root installs, only root can open it, and the service's
account, which rotates keys and logs, has a separate lock: root takes that one too, but does not depend on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from ..errors import Exit, Failure, Problem
from . import files, held
from .instance import SUPERVISOR

#: Seconds to wait for another bootstrap, such as the hourly one, if a command releases the lock for a moment.
PATIENCE = 30
#: Seconds between two attempts.
_INTERVAL = 0.1
#: Seconds that root waits for the service's account, whose work takes less and is idempotent.
COURTESY = 5.0

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

#: Descriptors of locks that replaced one that this process holds.
_successors: list[int] = []


@contextmanager
def exclusive(path: str, *, patience: float = 0) -> Iterator[None]:
    """Holds the lock file at `path`, in the instance's directory, and keeps out the service's account, too. Raises
    LOCKED if another process still holds it after `patience` seconds."""
    with holding(path, patience=patience), _account_kept_out(os.path.dirname(path)):
        yield


@contextmanager
def holding(path: str, *, patience: float = 0) -> Iterator[None]:
    """Holds the lock file at `path`. Raises LOCKED if another process still holds it after `patience` seconds.

    The kernel frees the lock when its owner ends in any way, so no lock ever has to be broken by hand.
    """
    descriptor = _open(path)
    try:
        end = time.monotonic() + patience
        while not _take(descriptor):
            if _is_usurped(descriptor):
                descriptor = _exchange(path, descriptor)
                continue
            if time.monotonic() >= end:
                raise Failure(Exit.LOCKED, _busy(path, descriptor))
            time.sleep(_INTERVAL)
        if not _is_at(path, descriptor):
            raise Failure(Exit.LOCKED, Problem("another bootstrap has removed this instance", where=path))
        yield
    finally:
        os.close(descriptor)
        while _successors:
            os.close(_successors.pop())


def of_account(root: str) -> str:
    """The lock of the service's account in an instance that root owns."""
    return os.path.join(root, "tmp", "lock")


@contextmanager
def _account_kept_out(root: str) -> Iterator[None]:
    """Also holds the account's lock, if that is free in time."""
    with ExitStack() as stack:
        # Whatever the account has put there can block only the account, not root.
        with suppress(OSError):
            descriptor = stack.enter_context(_opened_of_account(root))
            end = time.monotonic() + COURTESY
            while not _take(descriptor) and time.monotonic() < end:
                time.sleep(_INTERVAL)
        yield


@contextmanager
def _opened_of_account(root: str) -> Iterator[int]:
    """Opens the account's lock. Raises OSError if there is none, or no separate account."""
    path = of_account(root)
    found = files.status(os.path.dirname(path), follow=False) if os.geteuid() == 0 else None
    if found is None or found.st_uid == 0:
        raise FileNotFoundError
    with held.appending(path, 0o600, files.Owner(found.st_uid, found.st_gid)) as descriptor:
        yield descriptor


def make_of_account(root: str) -> None:
    """Creates the account's lock, so that no later command has to."""
    with suppress(OSError), _opened_of_account(root):
        pass


def keep_to_root(path: str) -> None:
    """Called by root with the lock held: ensures that nobody else can take it. The service's account may still have the
    file of an earlier release open, so another file, also locked, replaces it."""
    descriptor = _open(path)
    if _is_open_to_others(descriptor):
        descriptor = _exchange(path, descriptor)
        _take(descriptor)
        _successors.append(descriptor)
    else:
        os.close(descriptor)


def lend(path: str, owner: files.Owner) -> None:
    """Makes the file usable by an earlier release, whose account must open it."""
    descriptor = _open(path)
    try:
        os.fchown(descriptor, owner.uid, owner.gid)
        os.fchmod(descriptor, 0o640)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: str) -> int:
    """Opens or creates the file; on a read-only file system, it must exist."""
    try:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _is_open_to_others(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    return status.st_uid != 0 or bool(status.st_mode & 0o077)


def _is_usurped(descriptor: int) -> bool:
    """Whether a user other than root may hold the lock: root does not wait for that."""
    if os.geteuid() != 0 or not _is_open_to_others(descriptor):
        return False
    owner = _owner(os.fstat(descriptor))
    try:
        return not owner or os.stat(f"/proc/{owner}").st_uid != 0
    except OSError:
        return True


def _exchange(path: str, former: int) -> int:
    """Replaces the lock file with one that only root can open, and closes the former one."""
    os.close(former)
    new = path + files.TEMPORARY_SUFFIX
    with suppress(FileNotFoundError):
        os.unlink(new)
    descriptor = os.open(new, _FLAGS | os.O_EXCL, 0o600)
    os.rename(new, path)
    return descriptor


def _is_at(path: str, descriptor: int) -> bool:
    """Whether the open file still has that name: the instance may have been removed or moved before it was locked."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _busy(path: str, descriptor: int) -> Problem:
    owner = _owner(os.fstat(descriptor))
    runs = os.path.basename(path) == SUPERVISOR
    return Problem(
        "this instance already runs in the foreground" if runs else "another bootstrap is working on this instance",
        where=path,
        why=f"process {owner} holds the lock" if owner else "its lock is held, perhaps from another container",
        hint="end that one first" if runs else "wait until it has ended, then run the command again",
    )


def _owner(status: os.stat_result) -> str:
    """The pid of the process that holds a lock on the file, from /proc/locks; empty if unknown."""
    device = status.st_dev
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{status.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii") as file:
            rows = [row.split() for row in file]
    except OSError:
        return ""
    return next((row[4] for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[5] == wanted), "")
