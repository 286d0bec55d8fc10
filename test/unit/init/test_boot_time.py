"""Instructions for hosts without systemd, tried with the shells that would run them."""

from __future__ import annotations

import subprocess
import unittest
from pathlib import Path
from unittest import mock

import keystone_site
import support
from installer.bundle.api import Site
from installer.manager import boot_time
from installer.state.instance import Instance

#: Replaces bootstrap.sh: prints its arguments.
_ECHO = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n'
#: The functions of openrc-run(8) that the service uses.
_OPENRC = 'need() { :; }; use() { :; }; after() { :; }; ebegin() { :; }; eend() { return "$1"; }\n'


class BootTimeTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        bootstrap = self.directory / keystone_site.HOSTILE / "init" / "bootstrap.sh"
        bootstrap.write_text(_ECHO)
        bootstrap.chmod(0o755)
        self.bootstrap = str(bootstrap)

    def elsewhere(self) -> Site:
        site = self.site()
        return Site(site.release, Instance("/srv/100% é 'x'"), site.account, site.answers)

    def run_in(self, shell: list[str], script: str) -> list[str]:
        ran = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=True)
        return ran.stdout.splitlines()

    def test_cron_runs_what_is_meant(self) -> None:
        for site, option in ((self.site(), []), (self.elsewhere(), ["--instance", "/srv/100% é 'x'"])):
            for line, command in zip(boot_time.cron_lines(site), ("start", "maintain"), strict=True):
                # As cron does it: up to five fields or a name, then the command, up to a `%` that is not escaped.
                text = line.split(" ", 1 if line.startswith("@") else 5)[-1]
                self.assertNotRegex(text, r"(?<!\\)%")
                ran = self.run_in(["/bin/sh"], text.replace("\\%", "%"))
                self.assertEqual(ran, [self.bootstrap, command, *option])

    def test_openrc_runs_what_is_meant(self) -> None:
        service = boot_time.render_openrc(self.elsewhere())
        for shell in support.SHELLS:
            for command in ("start", "stop", "status"):
                with self.subTest(shell=shell[0], command=command):
                    self.need(shell[0])
                    ran = self.run_in(shell, f"{_OPENRC}{service}\ndepend && {command}")
                    self.assertEqual(ran, [self.bootstrap, command, "--instance", "/srv/100% é 'x'"])

    def test_next_steps_contain_them_unless_systemd_runs_it(self) -> None:
        steps, paths = self.rendered("NEXT-STEPS", self.site()), self.paths(self.site())
        self.assertIn("\n    @reboot ", steps)
        self.assertIn("openrc-service", paths)
        managed = self.site(service=["systemd"])
        self.assertNotIn("@reboot", self.rendered("NEXT-STEPS", managed))
        self.assertIn("systemctl status ksbundle-keystone.target", self.rendered("NEXT-STEPS", managed))
        self.assertNotIn("openrc-service", self.paths(managed))

    def found(self, site: Site, scripts: Path, tables: Path) -> list[str]:
        with (
            mock.patch.object(boot_time, "_SCRIPTS", f"{scripts}/*"),
            mock.patch.object(boot_time, "_TABLES", [f"{tables}/*"]),
            mock.patch.object(boot_time, "_own_table", str),
        ):
            return [problem.where for problem in boot_time.left_behind(site)]

    def test_only_entries_that_an_operator_installed_are_found(self) -> None:
        scripts, tables = self.directory / "init.d", self.directory / "cron.d"
        for directory, render in (
            (scripts, boot_time.render_openrc),
            (tables, lambda site: "\n".join(boot_time.cron_lines(site))),
        ):
            directory.mkdir()
            own = render(self.elsewhere())
            (directory / "binary").write_bytes(b"\xff\0")
            (directory / "default").write_text(render(self.site()))
            (directory / "elsewhere").write_text(own)
            (directory / "remark").write_text(f"# {own.splitlines()[-1]}")
        for name, site in (("default", self.site()), ("elsewhere", self.elsewhere())):
            self.assertEqual(self.found(site, scripts, tables), [str(scripts / name), str(tables / name)])

    def paths(self, site: Site) -> list[str]:
        return [file.path for file in self.product.rendered_files(site)]


if __name__ == "__main__":
    unittest.main()
