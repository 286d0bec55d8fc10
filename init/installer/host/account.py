"""The account the service runs under, and the environment its processes get."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import Problem
from ..state import files
from ..state.release import Release
from . import deputy
from .capability import confine

Value = TypeVar("Value")


@dataclass(frozen=True)
class Account:
    """`switch`: the installer is root and the service runs as another user."""

    name: str
    uid: int
    gid: int
    switch: bool
    #: False for one that is not made yet; its ids are placeholders then.
    exists: bool = True
    #: Whether bootstrap made it, or will make it.
    made: bool = False
    #: Why the service cannot run under it.
    faults: Sequence[Problem] = ()

    @property
    def owner(self) -> files.Owner | None:
        """Owner of files that the service writes; None if that is the installer's user."""
        return files.Owner(self.uid, self.gid) if self.switch else None

    @property
    def readable(self) -> files.Owner | None:
        """Owner of files that the service may only read."""
        return files.Owner(0, self.gid) if self.switch else None

    @property
    def secret_mode(self) -> int:
        """Mode of a file with a secret, owned by `readable`, that the service may only read."""
        return 0o640 if self.switch else 0o600

    def become(self) -> Callable[[], None] | None:
        """For a forked child: switches to the account irrevocably."""
        return self._drop if self.switch else None

    def confine(self, *, low_ports: bool = False) -> Callable[[], None]:
        """For a forked child that executes a program: switches to the account and gives up all other privileges
        irrevocably; see capability.py. With `low_ports` it may still open ports below 1024."""
        return confine(self._drop if self.switch else lambda: None, low_ports=low_ports)

    def _drop(self) -> None:
        os.setgroups([self.gid])
        os.setgid(self.gid)
        os.setuid(self.uid)

    def run(self, function: Callable[..., Value], *arguments: Any) -> Value:
        """Calls the function with only the account's rights and returns its result, plain JSON data; see deputy.py."""
        become = self.become()
        return function(*arguments) if become is None else deputy.run(become, function, arguments)


def service_environment(release: Release, temporary: str) -> Mapping[str, str]:
    """A closed environment: nothing of the operator's shell reaches the service."""
    return {
        "PATH": f"{release.path('bin')}:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": temporary,
        "TMPDIR": temporary,
        "SQLITE_TMPDIR": temporary,
        # Stevedore caches entry points there; mod_wsgi sets HOME to the account's.
        "XDG_CACHE_HOME": temporary,
        # The host's OpenSSL settings may not fit the release's OpenSSL, or may load code into it.
        "OPENSSL_CONF": "/dev/null",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
