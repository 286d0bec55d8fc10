"""Obstacles to an install, found on real files and reported at once."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import unittest
from unittest import mock

import support
from installer.bundle.api import Site
from installer.engine import preflight
from installer.errors import Failure, Problem
from installer.host import limits, ports
from installer.host.account import Account
from installer.host.network import Listener
from installer.state.instance import Instance
from installer.state.release import Release

AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")


class Service:
    """Replaces the bundle: serves on the given listeners."""

    APPETITE = limits.Appetite(open_files=1024, tasks=1024, memory=512 << 20, relief="stop something else")

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def listeners(self, site: Site) -> list[Listener]:
        return list(self._listeners)

    def check_answers(self, site: Site) -> list[Problem]:
        return []

    def check_outside(self, site: Site) -> list[Problem]:
        return [] if site.instance.root != "/former" else [Problem("asked with the instance where it lies")]


class PreflightTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        root = self.directory / "a release"
        support.make_release(root)
        self.root = root
        self.account = Account("daemon", 1, 1, switch=os.geteuid() == 0)

    def test_checks_outside_use_the_instances_present_place(self) -> None:
        site = Site(Release(str(self.root)), Instance(str(self.root / "instance")), self.account, {})
        with (
            mock.patch("installer.manager.units.wants_systemd", return_value=False),
            self.assertRaises(Failure) as caught,
        ):
            preflight.check(site, Service(), [], former=Instance("/former"))  # type: ignore[arg-type]
        whats = [problem.what for problem in caught.exception.problems]
        self.assertIn("asked with the instance where it lies", whats)

    def problems(self, instance: str = "", *listeners: Listener) -> list[Problem]:
        place = Instance(instance or str(self.root / "instance"))
        site = Site(Release(str(self.root)), place, self.account, {})
        product = Service(*listeners)
        try:
            with mock.patch("installer.manager.units.wants_systemd", return_value=False):
                preflight.check(site, product, [], former=place)  # type: ignore[arg-type]
        except Failure as failure:
            return list(failure.problems)
        return []

    def whats(self, instance: str = "", *listeners: Listener) -> list[str]:
        return [problem.what for problem in self.problems(instance, *listeners)]

    def test_a_valid_place_is_accepted(self) -> None:
        self.assertEqual(self.whats(), [])

    def test_everything_is_named_at_once(self) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            port = server.getsockname()[1]
            found = self.problems(
                str(self.root / "bin" / "tool"), Listener("127.0.0.1", port), Listener("192.0.2.9", 1)
            )
        self.assertEqual(
            [problem.what for problem in found],
            ["the instance is not a directory", f"port 127.0.0.1:{port} is in use", "cannot listen on 192.0.2.9:1"],
        )
        self.assertIn(f"(process {os.getpid()})", found[1].why)

    def test_strange_and_long_paths(self) -> None:
        self.assertEqual(self.whats("/srv/\udcff"), ["a directory's name is not UTF-8"])
        self.assertEqual(self.whats("/srv/a\nb"), ["a directory's name has a control character"])
        self.assertEqual(self.whats(f"/srv/{'x' * 256}"), ["a path is too long"])
        self.assertEqual(self.whats("/srv" + "/xxxxxxxxx" * 45), ["a path is too long"])

    def test_a_directory_with_other_files(self) -> None:
        other = self.root / "other"
        other.mkdir()
        (other / "file").write_text("")
        self.assertEqual(self.whats(str(other)), ["the directory is not empty and holds no instance"])

    @AS_ROOT
    def test_a_directory_through_which_another_user_may_exchange_the_instance(self) -> None:
        home = self.directory / "home"
        home.mkdir()
        link = self.directory / "link"
        (home / "new").mkdir()
        link.symlink_to(home / "new")
        for mode, owner, expected in ((0o755, 0, 0), (0o1777, 0, 0), (0o777, 0, 1), (0o775, 0, 1), (0o755, 12345, 1)):
            os.chown(home, owner, 0)
            home.chmod(mode)
            for place in (home / "instance", home / "not" / "yet", link):
                found = self.problems(str(place))
                self.assertEqual([one.what for one in found], ["another user can exchange the instance"] * expected)
                named = [line.partition(" /")[2] for one in found for line in one.details]
                self.assertEqual(named, [str(home)[1:]] * expected)

    @AS_ROOT
    def test_a_directory_that_is_closed_to_the_account(self) -> None:
        self.root.chmod(0o700)
        (found,) = self.problems()
        self.assertEqual(found.what, "the service's account daemon cannot enter a directory")
        self.assertEqual((found.where, found.why), (str(self.root), "mode 0700"))
        self.assertEqual(found.hint, f"chmod -R go+rX '{self.root}'")
        self.root.chmod(0o755)
        own = self.directory / "own"
        own.mkdir(0o700)
        (found,) = self.problems(str(own / "instance"))
        self.assertIn("choose another place with --instance", found.hint)
        self.directory.chmod(0o700)
        self.assertIn("move the release", self.problems()[0].hint)

    @AS_ROOT
    @AS_ROOT
    def test_root_without_the_right_to_see_the_accounts_processes(self) -> None:
        """As in a container: the check runs in a child that has given up the capability."""
        script = (
            f"import sys; sys.path.insert(0, {str(support.INIT)!r}); from installer.host import capability;"
            "print(capability.sees_processes())"
        )
        without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        for prefix, expected in ((), "True"), (without, "False"):
            child = subprocess.run([*prefix, sys.executable, "-c", script], capture_output=True, text=True)
            self.assertEqual(child.stdout.strip(), expected, child.stderr)
        with mock.patch("installer.host.capability.sees_processes", return_value=False):
            self.assertIn("cannot see the processes", self.problems()[0].what)

    def test_a_release_unpacked_under_a_strict_umask(self) -> None:
        (self.root / "bin" / "tool").chmod(0o600)
        (found,) = self.problems()
        self.assertEqual(found.what, "the service's account daemon cannot read the release")
        self.assertEqual(found.where, str(self.root / "bin" / "tool"))
        self.assertEqual(found.hint, f"chmod -R go+rX '{self.root}'")

    @AS_ROOT
    def test_another_users_instance(self) -> None:
        instance = self.root / "instance"
        instance.mkdir()
        (instance / "lock").write_text("")
        self.assertEqual(self.whats(), [])
        os.chown(instance, 1, 1)
        (found,) = self.problems()
        self.assertEqual((found.what, found.hint), ("the instance belongs to another user", "run bootstrap as daemon"))

    def test_too_little_space_and_too_few_inodes(self) -> None:
        real = os.statvfs(self.root)
        little = mock.Mock(f_bavail=1, f_frsize=4096, f_files=1000, f_favail=5, f_flag=real.f_flag)
        with mock.patch("os.statvfs", return_value=little):
            self.assertEqual(self.whats(), ["the disk is too full", "the file system has too few free inodes"])

    def test_a_host_without_ipv6(self) -> None:
        refusal = OSError(97, "Address family not supported by protocol")
        with mock.patch("socket.socket", side_effect=refusal):
            (found,) = ports.check([Listener("::1", 5000)], [])
        self.assertEqual(found.why, "this host's kernel has no IPv6")


class HostTest(unittest.TestCase):
    def whats(self, *, inherited: bool = True) -> list[str]:
        return [problem.what for problem in limits.check(Service.APPETITE, limits=inherited)]

    def test_limits_that_daemons_would_inherit(self) -> None:
        for number, allowed, name in (
            (resource.RLIMIT_NOFILE, (100, 100), "open files"),
            (resource.RLIMIT_NPROC, (100, 9999), "processes"),
        ):
            tight = {number: allowed}
            with mock.patch(
                "resource.getrlimit", side_effect=lambda which, tight=tight: tight.get(which, (1024, 4096))
            ):
                self.assertEqual(self.whats(), [f"too few {name} are allowed"])
                self.assertEqual(self.whats(inherited=False), [])

    def test_memory(self) -> None:
        self.assertGreater(limits.total_memory() or 0, 1 << 20)
        self.assertIsNone(limits.total_memory("/proc/none"))
        with mock.patch.object(limits, "total_memory", return_value=256 << 20):
            (found,) = limits.warn(Service.APPETITE)
            self.assertEqual(found.what, "this host has little memory: 256 MiB")
            self.assertEqual(found.hint, "if processes are killed, stop something else")


if __name__ == "__main__":
    unittest.main()
