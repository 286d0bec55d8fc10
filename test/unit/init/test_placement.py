"""What the bundle openstack derives for Placement from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import configparser
import http.server
import json
import sqlite3
import sys
import threading
import unittest
from contextlib import closing
from pathlib import Path
from typing import Any

import keystone_site
from installer.bundle.store import UPGRADING
from installer.errors import Failure
from installer.state.journal import Journal

PASSWORD = "keys/placement-password"
#: In place of Placement's command: makes the database, and fails if there is one.
_MANAGE = """#!/bin/sh
exec {python} -c '
import os, sqlite3, sys
path = os.environ["OS_PLACEMENT_DATABASE__CONNECTION"].removeprefix("sqlite:///").partition("?")[0].replace("$$", "$")
connection = sqlite3.connect(path)
connection.execute("CREATE TABLE resource_providers (id)")
connection.commit()
if os.path.exists(path + ".fail"): sys.exit("interrupted")
'
"""


class PlacementTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("openstack")

    def services(self, **texts: Any) -> dict[str, list[str]]:
        return dict(self.product.state(self.site(**texts))["services"])

    def test_it_has_a_port_and_a_url_of_its_own(self) -> None:
        site = self.site(host=["10.0.0.1"])
        self.assertIn(8778, [each.port for each in self.product.listeners(site)])
        self.assertEqual(self.services(host=["10.0.0.1"])["placement"], ["placement", "http://10.0.0.1:8778"])
        self.assertEqual(
            self.services(placement_url=["https://inventory.example"])["placement"][1:], ["https://inventory.example"]
        )

    def test_its_configuration_is_below_the_instance_and_holds_no_password(self) -> None:
        settings = configparser.RawConfigParser(strict=False)
        settings.read_string(self.rendered("etc/placement/placement.conf", self.site(port=["5001"])))
        instance = str(self.instance).replace("$", "$$")
        for section, name in (("DEFAULT", "log_file"), ("oslo_policy", "policy_file"), ("oslo_policy", "policy_dirs")):
            self.assertTrue(settings[section][name].startswith(f"{instance}/"), name)
        database = settings["placement_database"]["connection"]
        self.assertEqual(database, f"sqlite:///{instance}/data/placement.db?timeout=30")
        asks = settings["keystone_authtoken"]
        self.assertEqual([asks["username"], asks["auth_url"]], ["placement", "http://127.0.0.1:5001/v3"])
        self.assertTrue(asks["password_file"].endswith(f"/{PASSWORD}"))
        self.assertNotIn("password", asks)

    def test_servers_hold_its_requests_and_answers(self) -> None:
        placement = self.rendered("etc/uwsgi-placement.ini", self.site(server=["uwsgi"]))
        self.assertIn("\nhttp-hold = 1048576\n", placement)
        self.assertIn("\nthreads = 1\n", placement)

    def test_its_database_is_data_that_automatic_backups_hold(self) -> None:
        bulky = {store.paths[0]: store.bulky for store in self.product.stores(self.site())}
        self.assertIs(bulky["data/placement.db"], False)

    def test_it_follows_keystone_to_the_bundles_own_server(self) -> None:
        site = self.site(database=["embedded"])
        settings = configparser.RawConfigParser(strict=False)
        settings.read_string(self.rendered("etc/placement/placement.conf", site))
        connection = settings["placement_database"]["connection"]
        self.assertTrue(connection.startswith("postgresql+psycopg://placement@/placement?host=/"), connection)
        self.assertTrue(connection.endswith("/instance/run/postgresql"), connection)
        stores = {store.paths[0]: store for store in self.product.stores(site)}
        self.assertEqual(set(stores), {"data/postgresql", "data/glance/images"})
        self.assertLessEqual({"glance", "keystone", "placement"}, set(stores["data/postgresql"].databases))
        self.assertNotIn("data/placement.db", self.product.unmade(site))
        (placement,) = (each for each in self.product.services if each.name == "placement")
        for place, run in (("data", "postgresql"), (UPGRADING, "postgresql.new")):
            environment = placement.data_environment(site, site.instance.path(place))
            self.assertTrue(environment["OS_PLACEMENT_DATABASE__CONNECTION"].endswith(f"/run/{run}"), environment)

    def test_only_keystones_data_can_be_moved_to_another_database(self) -> None:
        url = "postgresql://keystone@10.0.0.9/keystone"
        self.assertIsNotNone(self.product.transfer(self.site(), self.site(database_url=[url])))
        with self.assertRaises(Failure) as caught:
            self.product.transfer(self.site(), self.site(database=["embedded"]))
        what = "the data of Placement, Glance, Nova cannot be moved to another database"
        self.assertEqual([problem.what for problem in caught.exception.problems], [what])

    def test_a_changed_password_of_its_account_is_named_with_its_file(self) -> None:
        (self.instance / "keys").mkdir()
        (self.instance / PASSWORD).write_text("0123\n")
        session: Any = sys.modules["ksbundle_services.keystone.session"]
        asked: list[dict[str, Any]] = []

        class Refusing(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(401)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
            threading.Thread(target=server.handle_request).start()
            url = f"http://127.0.0.1:{server.server_port}/v3"
            with self.assertRaises(Failure) as caught:
                session.Session(self.site(), "Placement", url).log_in(session.User("placement", "service"), PASSWORD)
        user = asked[0]["auth"]["identity"]["password"]["user"]
        self.assertEqual([user["name"], user["password"]], ["placement", "0123"])
        (problem,) = caught.exception.problems
        self.assertEqual(problem.what, "Placement cannot log in to Keystone")
        self.assertTrue(problem.where.endswith(PASSWORD), problem.where)

    def test_data_of_an_interrupted_run_are_made_again(self) -> None:
        manage = Path(self.release.path("bin", "placement-manage"))
        manage.parent.mkdir()
        manage.write_text(_MANAGE.format(python=sys.executable))
        manage.chmod(0o755)
        for name in ("data", "keys", "run", "tmp", "log"):
            (self.instance / name).mkdir()
        site, journal = self.site(), Journal(str(self.instance / "journal"))
        journal.begin("install", {})
        (placement,) = (each for each in self.product.services if each.name == "placement")
        failing = self.instance / "data/placement.db.fail"
        failing.touch()
        with self.assertRaises(Failure):
            placement.prepare(site, journal)
        failing.unlink()
        placement.prepare(site, journal)
        self.assertTrue(placement.is_prepared(site))
        with closing(sqlite3.connect(self.instance / "data/placement.db")) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM resource_providers").fetchone(), (0,))


if __name__ == "__main__":
    unittest.main()
