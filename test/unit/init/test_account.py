"""What a daemon's process may do: tried in real processes, if root runs the tests."""

from __future__ import annotations

import ast
import os
import pwd
import socket
import subprocess
import unittest

import support
from installer.host.account import Account
from installer.host.capability import keeps_low_ports

NOBODY = pwd.getpwnam("nobody")
ACCOUNT = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid, switch=True)


SHOW = """
cat /proc/self/status
sed -n 's/Max core file size */core:/p' /proc/self/limits
printf filter:
cat /proc/self/coredump_filter"""


def rights(account: Account, *, low_ports: bool = False) -> dict[str, str]:
    """The kernel's status of a program that is started like a daemon."""
    shown = subprocess.run(
        ["sh", "-c", SHOW], preexec_fn=account.confine(low_ports=low_ports), capture_output=True, text=True
    )
    pairs = (line.split(":", 1) for line in shown.stdout.splitlines())
    return {name: value.strip() for name, value in pairs}


class RightsTest(unittest.TestCase):
    def test_a_users_program_cannot_gain_privileges_either(self) -> None:
        facts = rights(Account("me", os.geteuid(), os.getegid(), switch=False))
        self.assertEqual((facts["NoNewPrivs"], facts["CapEff"], facts["CapAmb"]), ("1", "0" * 16, "0" * 16))

    def test_no_program_writes_its_memory_to_a_core_file(self) -> None:
        facts = rights(Account("me", os.geteuid(), os.getegid(), switch=False))
        self.assertEqual((facts["core"].split()[:2], int(facts["filter"], 16)), (["0", "0"], 0))

    def test_every_program_that_is_started_as_an_account_is_confined(self) -> None:
        for path in sorted(support.INIT.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "preexec_fn":
                    self.assertRegex(ast.unparse(node.value), r"\.confine\(", f"{path.name}:{node.value.lineno}")


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class AccountTest(support.DirectoryTest):
    def can_bind(self, *, low_ports: bool) -> bool:
        """Whether a child that has become the account may listen on a privileged port."""
        become = ACCOUNT.confine(low_ports=low_ports)
        child = os.fork()
        if child == 0:
            try:
                become()
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 100 + os.getpid() % 900))
                os._exit(0 if os.getuid() == ACCOUNT.uid else 2)
            except PermissionError:
                os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertIn(status, (0, 1))
        return status == 0

    def test_a_daemon_opens_low_ports_only_if_allowed(self) -> None:
        self.assertTrue(self.can_bind(low_ports=True))
        self.assertFalse(self.can_bind(low_ports=False))

    def test_a_running_daemon_shows_whether_it_may(self) -> None:
        for low_ports in (True, False):
            child = subprocess.Popen(["sleep", "60"], preexec_fn=ACCOUNT.confine(low_ports=low_ports))
            self.assertEqual(keeps_low_ports(child.pid), low_ports)
            child.kill()
            child.wait()
            self.assertFalse(keeps_low_ports(child.pid))

    def test_a_program_of_the_account_cannot_gain_privileges(self) -> None:
        names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
        for low_ports, mask in ((False, 0), (True, 1 << 10)):
            facts = rights(ACCOUNT, low_ports=low_ports)
            self.assertEqual({name: facts[name] for name in names}, dict.fromkeys(names, f"{mask:016x}"))
            self.assertEqual(facts["NoNewPrivs"], "1")
