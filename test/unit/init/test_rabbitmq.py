"""What the bundle openstack derives for RabbitMQ from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import base64
import configparser
import hashlib
import json
import unittest
from typing import Any
from urllib.parse import urlsplit

import keystone_site
from installer.bundle.api import HIDDEN, Site

PASSWORD = "keys/rabbitmq-password"
COOKIE = "keys/rabbitmq/.erlang.cookie"


class RabbitmqTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("openstack")

    def setUp(self) -> None:
        super().setUp()
        (self.service,) = (each for each in self.product.services if each.name == "rabbitmq")
        (self.instance / "keys/rabbitmq").mkdir(parents=True)
        (self.instance / PASSWORD).write_text("s3cret\n")
        (self.instance / COOKIE).write_text("c00kie\n")

    def transport(self, **texts: Any) -> str:
        settings = configparser.RawConfigParser()
        settings.read_string(self.rendered("etc/rabbitmq/transport.conf", self.site(**texts)))
        return settings["DEFAULT"]["transport_url"]

    def problems(self, **texts: Any) -> list[str]:
        return [f"{each.what}: {each.where}" for each in self.product.check_answers(self.site(**texts))]

    def warnings(self, **texts: Any) -> list[str]:
        return [each.where for each in self.service.warn(self.site(**texts))]

    def daemons(self, site: Site) -> dict[str, Any]:
        return {each.name: each for each in self.service.daemons(site)}

    def test_only_this_host_reaches_it_unless_an_address_is_given(self) -> None:
        cases: list[dict[str, Any]] = [{}, {"host": ["10.0.0.1"]}, {"rabbitmq_port": ["5672"]}]
        for texts in cases:
            found = [(each.host, each.port) for each in self.service.listeners(self.site(**texts))]
            self.assertEqual(found, [("127.0.0.1", port) for port in (5672, 24672, 25672)])
            self.assertEqual(self.warnings(**texts), [])
        for given, bound, reached in (
            ("0.0.0.0:5700", "0.0.0.0:5700", "127.0.0.1:5700"),
            ("10.0.0.1:5700", "10.0.0.1:5700", "10.0.0.1:5700"),
            ("[fd00::1]:5700", "fd00::1:5700", "[fd00::1]:5700"),
        ):
            site = self.site(rabbitmq_port=[given])
            self.assertIn(f"\nlisteners.tcp.1 = {bound}\n", self.rendered("etc/rabbitmq/rabbitmq.conf", site))
            self.assertEqual(self.warnings(rabbitmq_port=[given]), [given])
            self.assertEqual(urlsplit(self.transport(rabbitmq_port=[given])).netloc.partition("@")[2], reached)
            self.assertEqual(self.problems(rabbitmq_port=[given]), [])

    def test_what_the_cookie_opens_is_for_this_host_alone(self) -> None:
        for answer in ("rabbitmq-epmd-port", "rabbitmq-node-port"):
            for given, shown in (("0.0.0.0:7000", "0.0.0.0:7000"), ("[::1]:7000", "[::1]:7000")):
                found = self.problems(**{answer.replace("-", "_"): [given]})
                self.assertEqual(found, [f"--{answer} is not a port of 127.0.0.1: {shown}"])
        broker = self.daemons(self.site(rabbitmq_epmd_port=["7001"], rabbitmq_node_port=["7002"]))["rabbitmq"]
        self.assertEqual(broker.environment["ERL_EPMD_ADDRESS"], "127.0.0.1")
        self.assertEqual(broker.environment["ERL_EPMD_PORT"], "7001")
        self.assertEqual(broker.environment["RABBITMQ_DIST_PORT"], "7002")
        self.assertIn("{127,0,0,1}", broker.argv)

    def test_two_instances_with_other_ports_share_none(self) -> None:
        given = {"": 5700, "epmd_": 5701, "node_": 5702}
        other: dict[str, Any] = {f"rabbitmq_{name}port": [str(port)] for name, port in given.items()}
        first, second = self.service.listeners(self.site()), self.service.listeners(self.site(**other))
        self.assertFalse(any(one.overlaps(two) for one in first for two in second))
        (problem,) = self.problems(rabbitmq_port=["24672"])
        self.assertIn("port 24672 is given twice", problem)

    def test_the_names_of_nodes_are_served_before_the_broker_and_that_before_all_that_use_it(self) -> None:
        names = [each.name for each in self.product.daemons(self.site())]
        self.assertLess(names.index("rabbitmq-epmd"), names.index("rabbitmq"))
        self.assertLess(names.index("rabbitmq"), names.index("httpd"))

    def test_its_secrets_are_in_files_that_only_it_reads(self) -> None:
        site = self.site()
        self.assertEqual(self.transport(), "rabbit://openstack:s3cret@127.0.0.1:5672/")
        for file in self.product.rendered_files(site):
            content = file.content.decode()
            self.assertNotIn("c00kie", content, file.path)
            self.assertEqual("s3cret" in content, file.path == "etc/rabbitmq/transport.conf", file.path)
            self.assertNotIn("s3cret", str(file.shown), file.path)
        for daemon in self.product.daemons(site):
            for secret in ("s3cret", "c00kie"):
                self.assertNotIn(secret, repr([daemon.argv, daemon.environment]))
        (shown,) = (each.shown for each in self.product.rendered_files(site) if each.path.endswith("transport.conf"))
        self.assertIn(f"openstack:{HIDDEN}@", shown.decode())

    def test_rabbitmq_knows_the_password_by_its_digest(self) -> None:
        path = "etc/rabbitmq/definitions.json"
        rendered = self.rendered(path, self.site())
        self.assertEqual(self.rendered(path, self.site()), rendered)
        (user,) = json.loads(rendered)["users"]
        known = base64.b64decode(user["password_hash"])
        self.assertEqual(known[4:], hashlib.sha256(known[:4] + b"s3cret").digest())
        (self.instance / PASSWORD).write_text("0ther\n")
        self.assertNotEqual(self.rendered(path, self.site()), rendered)

    def test_a_changed_port_or_password_restarts_the_broker(self) -> None:
        files = set(self.daemons(self.site())["rabbitmq"].files)
        self.assertLessEqual({"etc/rabbitmq/definitions.json", "etc/rabbitmq/rabbitmq.conf"}, files)
        self.assertEqual(list(self.daemons(self.site())["rabbitmq-epmd"].files), ["etc/rabbitmq-epmd.command"])

    def test_backups_hold_its_secrets_and_no_messages(self) -> None:
        self.assertEqual(list(self.service.stores(self.site())), [])
        self.assertIn("keys", self.product.SECRETS)
        self.assertIn("data/rabbitmq", self.product.PLACES)


class ExternalTest(keystone_site.ServerAnswersTest):
    bundle = keystone_site.bundle("openstack")
    server = "rabbitmq_url"

    def own(self) -> dict[str, list[str]]:
        return {
            "rabbitmq_url": ["rabbit://nova@mq.example/"],
            "rabbitmq_password_file": [self.file("password", "s3cret@\n")],
        }

    def transport(self, **texts: list[str]) -> dict[str, dict[str, str]]:
        settings = configparser.RawConfigParser()
        settings.read_string(self.rendered("etc/rabbitmq/transport.conf", self.site(**self.answers(**texts))))
        return {name: dict(settings[name]) for name in ("DEFAULT", *settings.sections())}

    def test_services_reach_it_and_no_broker_runs(self) -> None:
        site = self.site(**self.answers())
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.transport()["DEFAULT"], {"transport_url": "rabbit://nova:s3cret%40@mq.example:5672/"})
        self.assertFalse([each.name for each in self.product.daemons(site) if "rabbitmq" in each.name])
        self.assertNotIn(5672, [each.port for each in self.product.listeners(site)])
        (service,) = (each for each in self.product.services if each.name == "rabbitmq")
        self.assertEqual([service.provided(site, key) for key in ("host", "port")], ["mq.example", "5672"])
        self.assertEqual([each.where for each in service.warn(site)], ["mq.example:5672"])

    def test_its_password_is_kept_in_files_and_not_shown(self) -> None:
        files = {each.path: each for each in self.product.rendered_files(self.site(**self.answers()))}
        self.assertEqual(files["keys/rabbitmq-broker-password"].content, b"s3cret@\n")
        for file in files.values():
            self.assertNotIn("s3cret", str(file.shown))
        self.assertIn("nova:(hidden)@mq.example", str(files["etc/rabbitmq/transport.conf"].shown))
        self.assertIn("rabbitmq-password-file", self.product.TRANSIENT)

    def test_with_the_certificate_of_its_authority_it_is_reached_over_tls(self) -> None:
        given = {
            "rabbitmq_url": ["rabbit://nova@[fd00::1]/prod"],
            "rabbitmq_ca": [self.file("ca", keystone_site.BLOCK)],
        }
        found = self.transport(**given)
        self.assertEqual(found["DEFAULT"]["transport_url"], "rabbit://nova:s3cret%40@[fd00::1]:5671/prod")
        ca = str(self.instance / "keys/rabbitmq-ca.pem").replace("$", "$$")
        self.assertEqual(found["oslo_messaging_rabbit"]["ssl_ca_file"], ca)
        (service,) = (each for each in self.product.services if each.name == "rabbitmq")
        self.assertEqual(service.warn(self.site(**self.answers(**given))), [])

    def test_what_names_no_broker_is_refused(self) -> None:
        wrong = {
            "amqp://nova@mq.example/": "rabbit://",
            "rabbit://nova:s3cret@mq.example/": "password",
            "rabbit://mq.example/": "no user",
            "rabbit://nova@/": "no host",
            "rabbit://nova@mq.example:x/": "Port",
            "rabbit://nova@mq.example/a/b": "virtual host",
            "rabbit://nova@mq.example/?heartbeat=1": "virtual host",
        }
        self.check_refused([({"rabbitmq_url": [url]}, words) for url, words in wrong.items()])
        self.check_refused([({"rabbitmq_password_file": []}, "no file was given yet")])
        self.assertIn(
            "--rabbitmq-ca is given without --rabbitmq-url",
            self.problems(rabbitmq_url=[], rabbitmq_ca=["/ca"], rabbitmq_password_file=[])[0],
        )


if __name__ == "__main__":
    unittest.main()
