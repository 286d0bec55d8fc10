"""The parts of the service rabbitmq that its declaration cannot express."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from installer.answers.values import join_host, split_host_port
from installer.bundle.api import HIDDEN, RenderedFile, Site
from installer.bundle.render import fill
from installer.errors import Exit, Failure, Problem
from installer.host import network
from installer.host.limits import Appetite
from installer.host.network import Listener
from installer.host.processes import Daemon
from installer.kit import command, secret_file
from installer.kit.readiness import Awaited
from installer.service.service import Service

from . import external

#: Settings of a service that sends messages: how to reach the broker. A file of oslo.config, relative to the instance.
TRANSPORT = "etc/rabbitmq/transport.conf"
_PASSWORD = "keys/rabbitmq-password"  # noqa: S105
_PORT = "rabbitmq-port"
#: Answers of listeners that only this host may reach: with the cookie, they let everything in.
_LOCAL = ("rabbitmq-epmd-port", "rabbitmq-node-port")


class Hooks(Service):
    title = "RabbitMQ"
    TRANSIENT = external.TRANSIENT
    PLACES = ("data/rabbitmq",)
    APPETITE = Appetite(1024, 96, 192 << 20, "stop what else runs there")

    # Its addresses

    def listeners_of(self, site: Site, answer: str) -> list[Listener]:
        """A port alone is open on loopback."""
        found = map(split_host_port, site.values(answer))
        return [Listener(address or network.LOOPBACK, port) for address, port in found]

    def listeners(self, site: Site) -> list[Listener]:
        if external.is_wanted(site):
            return []
        return [each for entry in self.declaration.listeners for each in self.listeners_of(site, entry.answer)]

    def _listener(self, site: Site) -> Listener:
        (listener,) = self.listeners_of(site, _PORT)
        return listener

    def _place(self, site: Site) -> tuple[str, int]:
        """Where services of this host reach the broker."""
        listener = self._listener(site)
        return external.place(site) if external.is_wanted(site) else (listener.reachable, listener.port)

    def urls(self, site: Site) -> Sequence[str]:
        host, port = self._place(site)
        return [f"amqp://{join_host(host)}:{port}"]

    def check_answers(self, site: Site) -> list[Problem]:
        return [*self._check_local(site), *external.faults(site)]

    def _check_local(self, site: Site) -> Iterator[Problem]:
        for answer in _LOCAL:
            for listener in self.listeners_of(site, answer):
                if listener.host != network.LOOPBACK:
                    yield Problem(
                        f"--{answer} is not a port of {network.LOOPBACK}",
                        where=f"{join_host(listener.host)}:{listener.port}",
                        why="Erlang nodes trust whoever reaches them there",
                        hint="give the port alone",
                    )

    def warn(self, site: Site) -> list[Problem]:
        listener = self._listener(site)
        if external.is_wanted(site) or network.is_loopback(listener.host):
            return list(external.warn(site))
        return [
            Problem(
                "messages and the broker's password cross the network unprotected",
                where=f"{join_host(listener.host)}:{listener.port}",
                why="RabbitMQ takes connections of other hosts there, without TLS",
                hint="let only hosts reach it that need it, over a network that you trust",
            )
        ]

    # Its files

    def provided(self, site: Site, key: str) -> str:
        if key not in ("host", "port"):
            return super().provided(site, key)
        host, port = self._place(site)
        return host if key == "host" else str(port)

    def template_values(self, site: Site) -> Mapping[str, str]:
        (size,) = (secret.bytes for secret in self.declaration.secrets if secret.path == _PASSWORD)
        password = secret_file.made(site, _PASSWORD, size)
        return {"password_hash": _hash(password), "transport": self._transport(site, password)}

    def shown_values(self, site: Site) -> Mapping[str, str]:
        return {"password_hash": HIDDEN, "transport": self._transport(site, None)}

    def _transport(self, site: Site, password: str | None) -> str:
        """The settings of services that send messages; without a password, HIDDEN is in its place."""
        if external.is_wanted(site):
            return external.settings(site, shown=password is None)
        host, port = self._place(site)
        return f"transport_url = rabbit://openstack:{password or HIDDEN}@{join_host(host)}:{port}/"

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        found = super().rendered_files(site)
        if not external.is_wanted(site):
            return found
        return [*(file for file in found if file.path == TRANSPORT), *external.rendered_files(site)]

    # Its processes

    def daemons(self, site: Site) -> list[Daemon]:
        return [] if external.is_wanted(site) else super().daemons(site)

    def awaited(self, site: Site) -> list[Awaited]:
        return [] if external.is_wanted(site) else super().awaited(site)

    # Its use

    def prove(self, site: Site) -> list[str]:
        argv = [site.release.python, "-I", "-B", "-m", "ksbundle_rabbitmq.proof", site.instance.path(TRANSPORT)]
        try:
            command.run(site, argv)
        except command.CommandError as error:
            where = self.urls(site)[0]
            hint = "look in the instance's log directory"
            problem = Problem("RabbitMQ does not work", where=where, why=error.why, details=error.details, hint=hint)
            raise Failure(Exit.VERIFICATION, problem) from error
        return ["a message went into a queue and came out of it"]

    def next_steps(self, site: Site) -> Sequence[str]:
        if external.is_wanted(site):
            return []
        directory = site.instance.path("etc/rabbitmq/conf.d")
        return [fill(__file__, "next-steps", {"config_directory": directory, "restart": site.command_line("restart")})]


def _hash(password: str) -> str:
    """What RabbitMQ keeps of a password: four bytes of salt and a digest. The salt depends on the password, so that the
    same password gives the same file."""
    salt = hashlib.sha256(f"salt {password}".encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
