"""What the bundle openstack derives for Nova from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import configparser
import importlib.util
import unittest
from collections.abc import Mapping
from typing import Any

import keystone_site
from installer.bundle.store import DATA, UPGRADING

PASSWORD = "keys/nova-password"


class NovaTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("openstack")

    def nova(self) -> Any:
        (found,) = (each for each in self.product.services if each.name == "nova")
        return found

    def settings(self, **texts: Any) -> configparser.RawConfigParser:
        settings = configparser.RawConfigParser(strict=False)
        settings.read_string(self.rendered("etc/nova/nova.conf", self.site(**texts)))
        return settings

    def test_its_url_in_the_catalog_ends_with_the_version(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"host": ["10.0.0.1"]}, "http://10.0.0.1:8774/v2.1"),
            ({"nova_url": ["https://compute.example"]}, "https://compute.example/v2.1"),
        ]
        for texts, url in cases:
            self.assertEqual(self.product.state(self.site(**texts))["services"]["nova"], ["compute", url])

    def test_each_group_that_logs_in_has_the_account_and_no_password(self) -> None:
        settings = self.settings(port=["5001"])
        for group in ("keystone_authtoken", "neutron", "placement", "service_user"):
            found = settings[group]
            self.assertEqual([found["username"], found["auth_url"]], ["nova", "http://127.0.0.1:5001/v3"], group)
            self.assertTrue(found["password_file"].endswith(f"/{PASSWORD}"), group)
            self.assertNotIn("password", found)

    def test_consoles_are_at_its_own_port_over_tls_like_everything(self) -> None:
        plain = self.settings(host=["10.0.0.1"], novnc_port=["6090"])
        self.assertEqual(plain["vnc"]["novncproxy_base_url"], "http://10.0.0.1:6090/vnc_lite.html")
        self.assertEqual([plain["vnc"][f"novncproxy_{name}"] for name in ("host", "port")], ["0.0.0.0", "6090"])
        self.assertNotIn("ssl_only", plain["DEFAULT"])
        self.make_certificate("own", "/CN=own", "subjectAltName=DNS:c.example")
        certificate, key = (str(self.directory / f"own.{end}") for end in ("pem", "key"))
        sealed = self.settings(host=["c.example"], tls_cert=[certificate], tls_key=[key])
        self.assertEqual(sealed["vnc"]["novncproxy_base_url"], "https://c.example:6080/vnc_lite.html")
        self.assertEqual(sealed["DEFAULT"]["ssl_only"], "true")

    def test_programs_that_send_messages_start_again_with_another_broker(self) -> None:
        site = self.site()
        read = {each.name: each.files for each in (*self.nova().daemons(site), self.nova().application(site))}
        self.assertEqual(set(read), {"nova", "nova-conductor", "nova-novncproxy", "nova-scheduler"})
        for name, files in read.items():
            self.assertIn("etc/rabbitmq/transport.conf", files, name)
            self.assertIn("etc/nova/nova.conf", files, name)

    def test_its_databases_are_files_or_on_the_bundles_own_server(self) -> None:
        nova, plain, embedded = self.nova(), self.site(), self.site(database=["embedded"])
        files = ["data/nova_api.db", "data/nova.db", "data/nova.db_cell0"]
        self.assertEqual([store.paths[0] for store in nova.stores(plain)], files)
        self.assertEqual([nova.databases(plain), nova.stores(embedded)], [[], []])
        self.assertEqual(nova.databases(embedded), ["nova_api", "nova", "nova_cell0"])
        self.assertFalse({*files} & {*nova.unmade(embedded)})

    def environment(self, place: str, **texts: Any) -> Mapping[str, str]:
        site = self.site(**texts)
        found: Mapping[str, str] = self.nova().data_environment(site, site.instance.path(place))
        return found

    def test_an_upgrade_works_on_copies(self) -> None:
        names = {"OS_API_DATABASE__CONNECTION": "nova_api", "OS_DATABASE__CONNECTION": "nova"}
        for place, run in ((DATA, "postgresql"), (UPGRADING, "postgresql.new")):
            environment = self.environment(place, database=["embedded"])
            self.assertEqual(set(environment), set(names))
            for variable, name in names.items():
                self.assertTrue(environment[variable].startswith(f"postgresql+psycopg://{name}@/{name}?"), variable)
                self.assertTrue(environment[variable].endswith(f"/run/{run}"), variable)

    @unittest.skipUnless(importlib.util.find_spec("nova"), "the release's Python has Nova")
    def test_cells_are_found_where_the_configuration_says(self) -> None:
        from ksbundle_nova import databases
        from nova.objects.cell_mapping import CellMapping

        cases: list[dict[str, Any]] = [{}, {"database": ["embedded"]}]
        for texts in cases:
            url = self.environment(UPGRADING, **texts)["OS_DATABASE__CONNECTION"].replace("$$", "$")
            template = databases.CONNECTIONS[url.partition(":")[0]]
            self.assertEqual(CellMapping._format_url(template.format(""), url), url)
            cell0 = CellMapping._format_url(template.format("_cell0"), url)
            expected = (
                url.replace("nova.db", "nova.db_cell0")
                if not texts
                else url.replace("//nova@/nova?", "//nova_cell0@/nova_cell0?")
            )
            self.assertEqual(cell0, expected)
        broker = "rabbit://openstack:secret@127.0.0.1:5672/"
        self.assertEqual(CellMapping._format_url(databases.TRANSPORT, broker).rstrip("?"), broker)


if __name__ == "__main__":
    unittest.main()
