"""The database server of a bundle exists only if a service of the instance uses it."""

from __future__ import annotations

import os
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any

import keystone_site
from installer.host.account import Account
from installer.kit.data.postgresql import DATA, Postgresql
from installer.state.instance import Instance
from installer.state.release import Release

_KEYSTONE = keystone_site.BUNDLE
_SERVICE: dict[str, Any] = {"name": "postgresql", "summary": "A database server", "hooks": True}
BUNDLE = {**_KEYSTONE, "services": [_SERVICE, *_KEYSTONE["services"]]}


class PostgresqlServiceTest(keystone_site.KeystoneSiteTest):
    bundle = BUNDLE

    def test_it_leaves_no_trace_unless_it_is_used(self) -> None:
        site = self.site()
        self.assertEqual([daemon.name for daemon in self.product.daemons(site)], ["memcached", "httpd"])
        paths = [*(file.path for file in self.product.rendered_files(site)), *self.product.unmade(site)]
        self.assertEqual([path for path in paths if "postgresql" in path or "pg_" in path], [])
        self.assertEqual([store for store in self.product.stores(site) if isinstance(store, Postgresql)], [])

    def test_it_runs_before_the_service_that_uses_it_and_has_its_database(self) -> None:
        site = self.site(database=["embedded"])
        self.assertEqual([daemon.name for daemon in self.product.daemons(site)], ["postgresql", "memcached", "httpd"])
        self.assertIn('instance "svc" all', self.rendered("etc/pg_ident.conf", site))
        self.assertIn(DATA, self.product.unmade(site))
        self.assertEqual(self.product.stores(site), [Postgresql(site, ["keystone"])])
        self.assertEqual(self.product.check_answers(site), [])

    def test_data_of_another_version_needs_an_upgrade_and_no_older_server_can_use_it(self) -> None:
        site = self.site(database=["embedded"])
        former = Release(str(self.directory / "former"))
        for release, version in ((site.release, "18"), (former, "17")):
            place = Path(release.path("share", "postgresql"))
            place.mkdir(parents=True)
            (place / "postgres.bki").write_text(f"# PostgreSQL {version}\ncreate pg_proc\n")
        data = Path(site.instance.path(DATA))
        data.mkdir(parents=True)
        upgrade = replace(site, instance=Instance(str(self.directory / "new")), source=site.instance, former=former)
        newer = "PostgreSQL 19"
        absurd = "PostgreSQL 9999"
        versions = (("18", "", ""), ("17", "--from", ""), ("19", newer, newer), ("9" * 5000, absurd, absurd))
        for version, alone, upgraded in versions:
            (data / "PG_VERSION").write_text(f"{version}\n")
            for each, hint in ((site, alone), (upgrade, upgraded)):
                with self.subTest(version=version, upgrade=each is upgrade):
                    problems = self.product.check_answers(each)
                    self.assertEqual(len(problems), 1 if hint else 0)
                    program = self.product.daemons(each)[0].argv[0]
                    self.assertEqual(program, self.release.path("bin", "postgres"))
                    if hint:
                        self.assertIn(hint, problems[0].hint)
                        self.assertEqual(problems[0].where, str(data))

    def test_an_account_without_a_name_is_refused(self) -> None:
        site = self.site(database=["embedded"])
        nobody = replace(site, account=Account("4242", 4242, os.getegid(), switch=False))
        (problem,) = self.product.check_answers(nobody)
        self.assertEqual(problem.what, "a database server cannot run as this user")
        self.assertEqual(self.product.check_answers(replace(self.site(), account=nobody.account)), [])


if __name__ == "__main__":
    unittest.main()
