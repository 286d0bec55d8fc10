from __future__ import annotations

import errno
import os
import socket
import unittest

import support  # noqa: F401
from installer.host import network
from installer.host.network import Listener


class ListenerTest(unittest.TestCase):
    def test_overlap(self) -> None:
        self.assertTrue(Listener("", 1).overlaps(Listener("10.0.0.1", 1)))
        self.assertTrue(Listener("10.0.0.1", 1).overlaps(Listener("0.0.0.0", 1)))
        self.assertFalse(Listener("10.0.0.1", 1).overlaps(Listener("10.0.0.2", 1)))
        self.assertFalse(Listener("", 1).overlaps(Listener("", 2)))
        self.assertTrue(Listener("localhost", 1).overlaps(Listener("127.0.0.1", 1)))
        self.assertTrue(Listener("::1", 1).overlaps(Listener("localhost", 1)))
        self.assertFalse(Listener("localhost", 1).overlaps(Listener("10.0.0.1", 1)))

    def listen(self, family: socket.AddressFamily, host: str) -> int:
        server = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(server.close)
        try:
            server.bind((host, 0))
        except OSError as error:
            self.skipTest(f"this host has no {host}: {error}")
        server.listen(1)
        return int(server.getsockname()[1])

    def test_a_listening_socket_is_seen_with_its_owner(self) -> None:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            port = self.listen(family, host)
            (found,) = [entry for entry in network.listening_sockets() if entry.listener.port == port]
            self.assertEqual(found.listener.host, host)
            self.assertEqual(network.socket_owners(found.inode), [os.getpid()])
            self.assertIn(Listener(host, port), network.sockets_of(os.getpid()))

    def test_a_busy_port_is_refused_by_the_kernel(self) -> None:
        port = self.listen(socket.AF_INET, "127.0.0.1")
        error = network.try_listen(Listener("127.0.0.1", port))
        assert error is not None
        self.assertEqual(error.errno, errno.EADDRINUSE)
        self.assertIsNotNone(network.try_listen(Listener("", port)))

    def test_a_foreign_address_is_refused_by_the_kernel(self) -> None:
        error = network.try_listen(Listener("192.0.2.1", 5000))
        assert error is not None
        self.assertEqual(error.errno, errno.EADDRNOTAVAIL)

    def test_which_hosts_are_ours(self) -> None:
        self.assertTrue(network.is_local("127.0.0.1"))
        self.assertFalse(network.is_local("192.0.2.1"))
        self.assertFalse(network.is_local("name.invalid"))
        self.assertTrue(network.is_loopback("::1"))
        self.assertTrue(network.is_loopback("localhost"))
        self.assertFalse(network.is_loopback("10.0.0.1"))


if __name__ == "__main__":
    unittest.main()
