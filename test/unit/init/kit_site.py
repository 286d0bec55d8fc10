"""An instance with the answers that the kit reads, for tests of what services share."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Any

import support
from installer.answers import answers, own
from installer.answers.answers import Source
from installer.bundle.api import Site
from installer.host.account import Account
from installer.state.instance import Instance
from installer.state.release import Release

PORTS = {"one": "7001", "two": "7002", "raw": "7000"}
ANSWERS: list[dict[str, Any]] = [
    {"name": "host", "type": "host", "default": "127.0.0.1"},
    {"name": "server", "type": "choice", "choices": ["mod_wsgi", "uwsgi"], "default": "mod_wsgi"},
    {"name": "processes", "type": "integer"},
    {"name": "access-log-format", "type": "choice", "choices": ["text", "json"], "default": "text"},
    {"name": "trusted-proxy", "type": "string", "repeatable": True},
    {"name": "tls-cert", "type": "path"},
    {"name": "tls-key", "type": "path"},
    {"name": "public-url", "type": "url"},
    *({"name": f"{name}-port", "type": "host-port", "default": port} for name, port in PORTS.items()),
    {"name": "hsts", "type": "integer", "default": "0"},
]
#: The release of the tested installer. It may be the repository, which has no programs.
RELEASE = support.INIT.parent


def free_ports(count: int) -> list[int]:
    """Free ports of 127.0.0.1."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


class KitSiteTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.directory / "inst änce %d"
        self.root.mkdir()
        entries = [{"help": "", "repeatable": False, "secret": False, **answer} for answer in ANSWERS]
        support.set_bundle(self.directory / "facts", name="two", answers=entries)
        self.declared = own.declarations(Release(str(self.directory / "facts")).bundle)

    def site(self, **texts: list[str]) -> Site:
        """If root runs the tests, services run as nobody: httpd refuses to run as root."""
        given = Source("flag", {name.replace("_", "-"): values for name, values in texts.items()})
        root = os.geteuid() == 0
        account = Account("svc", *((65534, 65534) if root else (os.geteuid(), os.getegid())), root)
        return Site(Release(str(RELEASE)), Instance(str(self.root)), account, answers.resolve(self.declared, [given]))
