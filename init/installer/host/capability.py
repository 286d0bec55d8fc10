"""Privileges that a process gives up irrevocably before it executes a program of the release: every way to more rights
than its account has, and every capability, except that for ports below 1024 if requested. It also disables core files,
as its memory holds keys.

Facts: capabilities(7), prctl(2), core(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Callable

_CAP_NET_BIND_SERVICE = 10
_CAP_SYS_PTRACE = 19
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION_3 = 0x20080522


def confine(drop: Callable[[], None], *, low_ports: bool) -> Callable[[], None]:
    """Extends `drop`, which gives up root and does nothing for other users, to give up all of that too.

    The result runs in a forked child, so the C library is loaded now. A user who is not root cannot empty the bounding
    set, but cannot use it without new privileges. Kernels before 3.5 lack no_new_privs.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = 1 << _CAP_NET_BIND_SERVICE if low_ports else 0

    def check(result: int, *tolerated: int) -> None:
        number = ctypes.get_errno()
        if result < 0 and number not in tolerated:
            raise OSError(number, os.strerror(number), "rights of a process")

    def set_capabilities(mask: int) -> None:
        # A system call filter, such as that of the units, may refuse capset even if it changes nothing.
        if _capabilities(libc) == (mask, mask, mask, 0, 0, 0):
            return
        header, data = struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", mask, mask, mask, 0, 0, 0)
        check(libc.capset(header, data))

    def confined() -> None:
        if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _write_no_memory_into_cores()
        number = 0
        while libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
            if not wanted >> number & 1:
                check(libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), errno.EPERM)
            number += 1
        check(libc.prctl(_PR_SET_KEEPCAPS, 1 if wanted else 0, 0, 0, 0))
        drop()
        held = _capabilities(libc)[1] & wanted
        check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), errno.EINVAL)
        set_capabilities(held)
        if held:
            check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_BIND_SERVICE, 0, 0))
        check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), errno.EINVAL)

    return confined


def _write_no_memory_into_cores() -> None:
    """A host that pipes cores into a program ignores the limit; this filter is inherited, too."""
    try:
        with open("/proc/self/coredump_filter", "w", encoding="ascii") as file:
            file.write("0")
    except OSError:
        # A kernel without core files has no filter.
        pass


def _capabilities(libc: ctypes.CDLL) -> tuple[int, ...]:
    """Effective, permitted and inheritable capabilities of this process: the first 32 of each, then the rest."""
    header, data = struct.pack("=Ii", _VERSION_3, 0), ctypes.create_string_buffer(24)
    if libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "rights of a process")
    return struct.unpack("=6I", data.raw)


def sees_processes() -> bool:
    """Whether this process may see where those of other users work, see ptrace(2) and proc(5): root in a container
    usually may not."""
    return bool(_capabilities(ctypes.CDLL(None, use_errno=True))[0] & 1 << _CAP_SYS_PTRACE)


def keeps_low_ports(pid: int) -> bool:
    """Whether the process has the capability for low ports; False if the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            facts = dict(line.split(":", 1) for line in file)
    except OSError:
        return False
    return bool(int(facts["CapEff"], 16) & 1 << _CAP_NET_BIND_SERVICE)
