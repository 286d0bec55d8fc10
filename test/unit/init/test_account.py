"""What a daemon's process may do: tried in real processes, where root runs the tests."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import unittest

import support
from installer.account import Account
from installer.capability import keeps_low_ports

NOBODY = pwd.getpwnam("nobody")
ACCOUNT = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid, switch=True)


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class AccountTest(support.DirectoryTest):
    def can_bind(self, *, low_ports: bool) -> bool:
        """Whether a child that became the account may listen on a port that only root may."""
        become = ACCOUNT.become(low_ports=low_ports)
        child = os.fork()
        if child == 0:
            try:
                if become is not None:
                    become()
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 100 + os.getpid() % 900))
                os._exit(0 if os.getuid() == ACCOUNT.uid else 2)
            except PermissionError:
                os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertIn(status, (0, 1))
        return status == 0

    def test_a_daemon_opens_low_ports_only_if_told_so(self) -> None:
        self.assertTrue(self.can_bind(low_ports=True))
        self.assertFalse(self.can_bind(low_ports=False))

    def test_a_running_daemon_tells_whether_it_may(self) -> None:
        for low_ports in (True, False):
            child = subprocess.Popen(["sleep", "60"], preexec_fn=ACCOUNT.become(low_ports=low_ports))
            self.assertEqual(keeps_low_ports(child.pid), low_ports)
            child.kill()
            child.wait()
            self.assertFalse(keeps_low_ports(child.pid))
