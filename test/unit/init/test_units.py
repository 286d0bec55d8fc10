"""Unit files rendered for a site; test/e2e/systemd.test.ts runs them under systemd."""

from __future__ import annotations

import os
import unittest.mock
from typing import Any

import support
from installer.answers.answers import Answer
from installer.bundle.api import Site
from installer.host.account import Account
from installer.host.processes import Daemon
from installer.manager import units
from installer.state import receipt
from installer.state.instance import Instance
from installer.state.release import Release


class UnitsTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        self.etc = self.directory / "system"
        self.etc.mkdir()
        self.enterContext(unittest.mock.patch("installer.state.instance.UNIT_DIRECTORY", str(self.etc)))
        patch = unittest.mock.patch.object(units, "DIRECTORY", str(self.etc))
        patch.start()
        self.addCleanup(patch.stop)

    def site(self, root: str = "/srv/ks", instance: str = "/srv/ks/instance") -> Site:
        release = Release(root)
        release.__dict__["bundle"] = {"name": "demo", "version": "1", "revision": 1}
        answers = {"service-name": Answer(("demo",), "default"), "service": Answer(("systemd",), "flag")}
        return Site(release, Instance(instance), Account("keystone", 1234, 1234, switch=True), answers)

    def render(self, site: Site, **options: Any) -> dict[str, str]:
        daemons = [
            Daemon("cache", [site.release.path("bin", "cached")], log="/dev/null"),
            Daemon("web", [site.release.path("bin", "webd"), "-f", "a b"], log="/dev/null", **options),
        ]
        return {os.path.basename(file.path): file.content.decode() for file in units.render_units(site, daemons)}

    def write(self, site: Site) -> None:
        for name, content in self.render(site).items():
            (self.etc / name).write_text(content)

    def test_daemons_want_those_before_them_and_are_part_of_the_target(self) -> None:
        rendered = self.render(self.site())
        self.assertIn("Wants=demo-cache.service demo-web.service demo-maintain.timer\n", rendered["demo.target"])
        self.assertIn("PartOf=demo.target\n", rendered["demo-web.service"])
        self.assertIn("After=network-online.target demo-cache.service\n", rendered["demo-web.service"])

    def test_limits_are_those_of_the_daemon(self) -> None:
        web = self.render(self.site(), memory=1 << 30, tasks=99)["demo-web.service"]
        self.assertIn("MemoryMax=1073741824\nTasksMax=99\n", web)
        self.assertNotIn("MemoryMax", self.render(self.site())["demo-web.service"])

    def test_paths_are_quoted_for_systemd(self) -> None:
        web = self.render(self.site("/srv/k é %d $1 a"))["demo-web.service"]
        self.assertIn('ExecStart="/srv/k é %%d $$1 a/bin/webd" "-f" "a b"\n', web)
        self.assertIn('RequiresMountsFor="/srv/k é %%d $1 a" "/srv/ks/instance"\n', web)

    def test_a_shell_runs_a_program_whose_path_systemd_refuses(self) -> None:
        web = self.render(self.site("/srv/\"it's\\"))["demo-web.service"]
        self.assertIn(
            'ExecStart="/bin/sh" "-c" "exec \\"$$0\\" \\"$$@\\"" "/srv/\\"it\'s\\\\/bin/webd" "-f" "a b"\n', web
        )

    def test_a_place_that_a_directive_would_hide_stays_visible(self) -> None:
        for root, shown, hidden in (
            ("/home/op/ks", "ProtectHome=read-only", "PrivateTmp=yes"),
            ("/tmp/ks", "PrivateTmp=no", "ProtectHome=yes"),  # noqa: S108
            ("/dev/shm/ks", "PrivateDevices=no", "ProtectHome=yes"),  # noqa: S108
            ("/homely/ks", "ProtectHome=yes", "PrivateTmp=yes"),
        ):
            lines = self.render(self.site(root))["demo-web.service"].splitlines()
            self.assertIn(shown, lines)
            self.assertIn(hidden, lines)

    def test_only_a_low_port_requires_a_capability(self) -> None:
        self.assertIn("CapabilityBoundingSet=\n", self.render(self.site())["demo-web.service"])
        low = self.render(self.site(), network=True, low_ports=True)["demo-web.service"]
        self.assertIn("CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n", low)
        self.assertIn("PrivateUsers=no\n", low)

    def test_units_are_recognised_by_their_instance(self) -> None:
        self.write(self.site())
        (self.etc / "other.service").write_text("[Unit]\n")
        found = [str(self.etc / name) for name in sorted(self.render(self.site()))]
        self.assertEqual(units.find_own(self.site().instance), found)
        self.assertEqual(units.find_own(Instance("/srv/other")), [])
        self.assertEqual(units.find_owner(str(self.etc / "other.service")), "")
        self.assertIsNone(units.find_owner(str(self.etc / "none.service")))

    def test_a_moved_instance_keeps_its_units_and_a_copy_gets_none(self) -> None:
        former, present = self.directory / "former", self.directory / "present"
        former.mkdir()
        present.mkdir()
        files = {str(self.etc / "demo.target"): {"sha256": "1", "mode": "0644"}}
        support.write_receipt(present / "receipt.json", instance_path=str(former), files=files)
        self.write(self.site(instance=str(former)))
        site = self.site(instance=str(present))
        recorded = receipt.read(site.instance.receipt)
        self.assertEqual(units.find_own(site.instance), [])
        self.assertEqual(units.recorded_files(site.instance, recorded), {})
        former.rmdir()
        self.assertEqual(len(units.find_own(site.instance)), 5)
        self.assertEqual(units.recorded_files(site.instance, recorded)[str(self.etc / "demo.target")]["sha256"], "1")


if __name__ == "__main__":
    unittest.main()
