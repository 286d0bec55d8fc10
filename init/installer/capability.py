"""The capability to listen on ports below 1024, for a process that gives up being root. Facts: capabilities(7)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable

_CAP_NET_BIND_SERVICE = 10
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_VERSION_3 = 0x20080522


def keep_low_ports(drop: Callable[[], None]) -> Callable[[], None]:
    """`drop` made to leave the process, and what it executes, that one capability.

    The result is for a forked child, so the C library is looked up now.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "CAP_NET_BIND_SERVICE")

    def drop_all_but_one() -> None:
        check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
        drop()
        mask = 1 << _CAP_NET_BIND_SERVICE
        header, data = struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", mask, mask, mask, 0, 0, 0)
        check(libc.capset(header, data))
        check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_BIND_SERVICE, 0, 0))

    return drop_all_but_one


def keeps_low_ports(pid: int) -> bool:
    """Whether the process holds that capability; False if it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            facts = dict(line.split(":", 1) for line in file)
    except OSError:
        return False
    return bool(int(facts["CapEff"], 16) & 1 << _CAP_NET_BIND_SERVICE)
