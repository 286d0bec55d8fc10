"""What the bundle glance derives from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import configparser
import importlib.util
import sqlite3
import sys
import unittest
import uuid
from contextlib import closing
from dataclasses import replace
from typing import Any

import keystone_site
from installer.errors import Problem
from installer.state.instance import Instance


class KeystoneAloneTest(keystone_site.KeystoneSiteTest):
    def test_nothing_is_registered_with_it(self) -> None:
        self.assertNotIn("services", self.product.state(self.site()))


class GlanceTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("glance")

    def test_it_has_a_port_and_a_url_of_its_own(self) -> None:
        site = self.site(host=["10.0.0.1"])
        self.assertEqual([each.port for each in self.product.listeners(site)], [5000, 9292])
        self.assertEqual(self.services(host=["10.0.0.1"]), {"glance": ["image", "http://10.0.0.1:9292"]})
        self.assertEqual(self.services(glance_url=["https://images.example"])["glance"][1], "https://images.example")
        problems = self.product.check_answers(self.site(glance_port=["5000"]))
        self.assertIn("5000 is given twice", problems[0].what)

    def test_a_path_that_ends_a_url_is_refused(self) -> None:
        site = self.site()
        self.assertEqual(self.product.check_answers(site), [])
        problems = self.product.check_answers(replace(site, instance=Instance("/srv/a#b")))
        self.assertEqual([problem.what for problem in problems], ["the instance's path contains #"])

    def services(self, **texts: Any) -> dict[str, list[str]]:
        return dict(self.product.state(self.site(**texts))["services"])

    def test_another_address_changes_the_state_and_so_the_catalog(self) -> None:
        self.assertNotEqual(self.services(host=["10.0.0.1"]), self.services(host=["10.0.0.2"]))
        self.assertNotEqual(self.services(), self.services(glance_port=["9393"]))

    def settings(self, **texts: Any) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(self.rendered("etc/glance/glance-api.conf", self.site(**texts)))
        return parser

    def test_every_directory_is_below_the_instance(self) -> None:
        settings = self.settings()
        instance = str(self.instance).replace("$", "$$")
        places = {
            "DEFAULT": ["image_cache_dir", "scrubber_datadir", "log_file"],
            "file": ["filesystem_store_datadir"],
            "os_glance_staging_store": ["filesystem_store_datadir"],
            "os_glance_tasks_store": ["filesystem_store_datadir"],
            "task": ["work_dir"],
            "oslo_reports": ["log_dir"],
            "oslo_policy": ["policy_file", "policy_dirs"],
        }
        for section, names in places.items():
            for name in names:
                self.assertTrue(settings[section][name].startswith(f"{instance}/"), (section, name))
        self.assertEqual(settings["DEFAULT"]["node_staging_uri"], f"file://{instance}/data/glance/staging")
        self.assertEqual(settings["database"]["connection"], f"sqlite:///{instance}/data/glance.db?timeout=30")

    def test_it_asks_keystone_beside_it_and_holds_no_password(self) -> None:
        asks = self.settings(host=["10.0.0.1"], port=["5001"])["keystone_authtoken"]
        self.assertEqual(asks["www_authenticate_uri"], "http://10.0.0.1:5001/v3")
        self.assertEqual(asks["auth_url"], "http://127.0.0.1:5001/v3")
        self.assertEqual(asks["service_token_roles_required"], "true")
        self.assertNotIn("password", asks)
        self.assertTrue(asks["password_file"].endswith("/keys/glance-password"))

    def test_httpd_holds_no_image_and_limits_keystone_as_before(self) -> None:
        text = self.rendered("etc/httpd.conf", self.site(processes=["3"]))
        keystone, glance = text.split("WSGIDaemonProcess ")[1:]
        self.assertTrue(keystone.startswith("keystone processes=3 threads=1 "))
        self.assertIn("LimitRequestBody 114688\n", keystone)
        self.assertIn("FlushMaxThreshold 268435456\n", keystone)
        self.assertTrue(glance.startswith("glance processes=3 threads=16 "))
        self.assertIn("response-buffer-size=65536 ", glance)
        self.assertIn("LimitRequestBody 0\n", glance)
        self.assertIn("FlushMaxThreshold 65536\n", glance)

    def test_uwsgi_passes_images_on_and_holds_requests_of_keystone(self) -> None:
        site = self.site(server=["uwsgi"])
        keystone, glance = (self.rendered(f"etc/uwsgi-{name}.ini", site) for name in ("keystone", "glance"))
        for line in ("http-hold = 114688", "harakiri = 120", "threads = 1"):
            self.assertIn(f"\n{line}\n", keystone)
        self.assertIn("\nhttp-chunked-input = true\n", glance)
        self.assertIn("\nthreads = 16\n", glance)
        self.assertNotIn("http-hold =", glance)
        self.assertNotIn("harakiri", glance)

    def test_images_are_data_that_automatic_backups_leave_out(self) -> None:
        bulky = {store.paths[0]: store.bulky for store in self.product.stores(self.site())}
        self.assertEqual(bulky, {"data/keystone.db": False, "data/glance.db": False, "data/glance/images": True})


class UnfinishedTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("glance")

    def setUp(self) -> None:
        super().setUp()
        self.unfinished: Any = sys.modules["ksbundle_services.glance.unfinished"]

    def warned(self, *rows: tuple[str, str, str, int]) -> list[Problem]:
        """The warnings if the database has these images: identifier, state, age as SQLite writes it, and whether it was
        deleted."""
        (self.instance / "data").mkdir(exist_ok=True)
        database = self.instance / "data/glance.db"
        database.unlink(missing_ok=True)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE images (id, status, created_at, updated_at, deleted)")
            query = "INSERT INTO images VALUES (?, ?, datetime('now', ?), NULL, ?)"
            connection.executemany(query, rows)
        return self.expiring()

    def expiring(self) -> list[Problem]:
        return [problem for problem in self.product.expiring(self.site()) if problem.what == "images have no content"]

    def test_uploads_that_were_cut_off_are_named_with_the_command_that_removes_them(self) -> None:
        one, other, third = (str(uuid.UUID(int=number)) for number in range(3))
        (problem,) = self.warned(
            (one, "queued", "-1 second", 0), (other, "saving", "-2 days", 0), (third, "active", "-9 days", 0)
        )
        self.assertEqual(set(problem.details), {f"{one} (queued)", f"{other} (saving)"})
        self.assertTrue(problem.hint.endswith(f"/bin/openstack' image delete {other} {one}"), problem.hint)

    def test_uploads_under_way_and_deleted_images_are_not(self) -> None:
        image = str(uuid.uuid4())
        for row in ((image, "saving", "-1 hour", 0), (image, "queued", "-1 hour", 1), (image, "active", "-1 hour", 0)):
            self.assertEqual(self.warned(row), [], row)

    def test_what_the_account_wrote_never_reaches_the_terminal_or_a_command(self) -> None:
        for image, state in (("$(reboot)", "queued"), (str(uuid.uuid4()) + "\n", "queued")):
            self.assertEqual(self.warned((image, state, "-1 hour", 0)), [])

    def test_many_are_not_all_named(self) -> None:
        (problem,) = self.warned(*((str(uuid.uuid4()), "queued", "-1 hour", 0) for _ in range(30)))
        self.assertEqual([len(problem.details), problem.details[-1]], [21, "and others"])

    def test_a_database_that_cannot_be_read_is_left_to_its_store(self) -> None:
        (self.instance / "data").mkdir()
        self.assertEqual(self.expiring(), [])
        (self.instance / "data/glance.db").write_text("no database")
        self.assertEqual(self.expiring(), [])


class PlacesTest(unittest.TestCase):
    def test_a_recorded_path_is_one_of_the_present_instance(self) -> None:
        if importlib.util.find_spec("glance_store") is None:
            self.skipTest("no release with Glance: set KSBUNDLE_TEST_INIT to the init/ of one")
        from glance_store._drivers.filesystem import StoreLocation
        from ksbundle_glance import places

        places.follow("/opt/new place")
        places.follow("/opt/new place")
        found = {
            "file:///srv/key st\u00f6ne/instance/data/glance/images/1-2": "/opt/new place/data/glance/images/1-2",
            "file:///srv/data/glance/x/data/glance/staging/1-2": "/opt/new place/data/glance/staging/1-2",
            "file:///mnt/images/1-2": "/mnt/images/1-2",
        }
        for uri, path in found.items():
            location = StoreLocation({}, None)
            location.parse_uri(uri)
            self.assertEqual(location.path, path)


if __name__ == "__main__":
    unittest.main()
