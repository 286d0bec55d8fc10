"""The choice of the service's account, and handing an instance over to another one."""

from __future__ import annotations

import os
import unittest
from unittest import mock

import support
from installer.host import accounts
from installer.host.account import Account
from installer.host.accounts import find_account
from installer.state import trees
from installer.state.files import Owner

ABSENT = "ksb-no-such-account"
#: A customary account that every Linux has.
CUSTOM = "daemon"
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only root chooses")


def find(user: str | None, *, former: str | None = None, create: bool = False) -> Account:
    return find_account(user, custom=CUSTOM, former=former, create=create)


class AccountsTest(support.DirectoryTest):
    def whats(self, account: Account) -> list[str]:
        return [problem.what for problem in account.faults]

    @AS_ROOT
    def test_the_named_account_comes_first_then_the_former_one(self) -> None:
        self.assertEqual(find("daemon", former="bin").name, "daemon")
        self.assertEqual(find(None, former="bin").name, "bin")
        self.assertEqual(find(None, former=ABSENT).name, find(None).name)

    @AS_ROOT
    def test_without_a_choice_it_is_the_customary_one_then_nobody(self) -> None:
        self.assertEqual(find(None).name, CUSTOM)
        self.assertEqual(find_account(None, custom=ABSENT).name, "nobody")
        wanted = find_account(None, custom=ABSENT, create=True)
        self.assertEqual((wanted.name, wanted.exists, wanted.made), (ABSENT, False, True))

    @AS_ROOT
    def test_an_account_that_can_be_used_has_no_faults(self) -> None:
        self.assertEqual(self.whats(find("daemon")), [])

    @AS_ROOT
    def test_a_missing_account_is_made_only_on_request(self) -> None:
        self.assertEqual(self.whats(find(ABSENT)), [f"there is no account {ABSENT}"])
        wanted = find(ABSENT, create=True)
        self.assertEqual((wanted.exists, wanted.made, self.whats(wanted)), (False, True, []))
        (command,) = accounts.describe_making(wanted)
        self.assertRegex(command, rf'^/usr/sbin/useradd --system .*--comment "made by ksbundle" {ABSENT}$')
        self.assertTrue(find("daemon", create=True).exists)

    @AS_ROOT
    def test_a_host_without_a_tool_is_reported(self) -> None:
        with mock.patch.object(accounts, "_SEARCH", str(self.directory)):
            self.assertEqual(self.whats(find(ABSENT, create=True)), [f"cannot create the account {ABSENT}"])

    @AS_ROOT
    def test_root_is_refused(self) -> None:
        self.assertEqual(self.whats(find("root")), ["the service must not run as root"])

    def test_other_users_run_it_as_themselves(self) -> None:
        with mock.patch("os.geteuid", return_value=1):
            self.assertEqual(self.whats(find(None)), [])
            self.assertEqual(self.whats(find("root")), ["cannot run the service as root"])
            self.assertEqual(self.whats(find(None, create=True)), ["cannot create an account"])

    @AS_ROOT
    def test_only_files_of_the_former_account_are_handed_over(self) -> None:
        inside = self.directory / "instance"
        (inside / "data").mkdir(parents=True)
        for name in ("data/db", "root", "other"):
            (inside / name).write_text("")
        outside = self.directory / "outside"
        outside.write_text("")
        (inside / "data" / "link").symlink_to(outside)
        for path in (inside / "data", inside / "data" / "db", inside / "data" / "link", outside):
            os.chown(path, 1001, 1002, follow_symlinks=False)
        os.chown(inside, 0, 1002)
        os.chown(inside / "other", 1003, 1003)
        trees.hand_over(str(inside), Owner(1001, 1002), Owner(2001, 2002))

        def owner(path: str) -> tuple[int, int]:
            status = (self.directory / path).lstat()
            return status.st_uid, status.st_gid

        self.assertEqual(owner("instance"), (0, 2002))
        for name in ("instance/data", "instance/data/db", "instance/data/link"):
            self.assertEqual(owner(name), (2001, 2002), name)
        self.assertEqual(owner("instance/root"), (0, 0))
        self.assertEqual(owner("instance/other"), (1003, 1003))
        self.assertEqual(owner("outside"), (1001, 1002))


if __name__ == "__main__":
    unittest.main()
