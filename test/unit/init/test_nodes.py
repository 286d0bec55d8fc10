"""Which nodes of one database are compatible, by their records of keys."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import keystone_site
from installer.errors import Failure

A = {"credential": ["c"], "making": ["k1"], "staged": ["k2"], "known": ["k0", "k1", "k2"]}
#: After a rotation by A.
ROTATED = {"credential": ["c"], "making": ["k2"], "staged": ["k3"], "known": ["k1", "k2", "k3"]}
AFTER_TWO = {"credential": ["c"], "making": ["k3"], "staged": ["k4"], "known": ["k1", "k2", "k3", "k4"]}


def node(ring: dict[str, list[str]], name: str = "other:/srv") -> dict[str, Any]:
    return {"id": name, "name": name, "ring": ring}


class NodesTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.nodes = sys.modules["ksbundle_services.keystone.nodes"]
        (self.instance / "data").mkdir()
        (self.instance / "data" / "keystone.node").write_text("own first\n")

    def test_a_staged_key_lets_nodes_be_one_rotation_apart_and_no_more(self) -> None:
        self.assertTrue(self.nodes.fits(A, A))
        self.assertTrue(self.nodes.fits(A, ROTATED))
        self.assertTrue(self.nodes.fits(ROTATED, A))
        self.assertFalse(self.nodes.fits(A, AFTER_TWO))
        self.assertFalse(self.nodes.fits(A, {**A, "credential": ["d"]}))

    def test_nodes_that_lag_behind_or_have_other_keys_are_reported(self) -> None:
        site = self.site()
        rows = [node(ROTATED, "own"), node(A)]
        self.assertEqual(self.nodes.lagging(site, ROTATED, rows), ["other:/srv"])
        self.assertEqual(self.nodes.lagging(site, A, [node(ROTATED)]), [])
        self.assertEqual(list(self.nodes.faults(site, ROTATED, rows)), [])
        (problem,) = self.nodes.faults(site, AFTER_TWO, rows[1:])
        self.assertIn("other:/srv has other keys", problem.what)

    def test_keys_of_other_nodes_need_their_database(self) -> None:
        self.assertEqual(self.product.check_answers(self.site()), [])
        (self.instance / "data" / "keystone.node").write_text("own joined\n")
        (problem,) = self.product.check_answers(self.site())
        self.assertIn("the keys are those of other nodes", problem.what)
        (self.instance / "data" / "keystone.db").touch()
        self.assertEqual(self.product.check_answers(self.site()), [])

    def test_keys_are_not_rotated_if_the_other_nodes_are_unknown(self) -> None:
        server = sys.modules["ksbundle_services.keystone.server"]
        site = self.site(database_url=["postgresql://a@localhost/b"])
        with mock.patch.object(server, "look", return_value={"fault": "away", "why": "it is down"}):
            with self.assertRaises(Failure):
                server.holding_up(site)
            self.assertEqual(server.expiring(site), [])
        with mock.patch.object(server, "look", return_value={"own": ROTATED, "nodes": [node(A)]}):
            self.assertEqual(len(server.holding_up(site)), 1)

    def test_status_asks_the_database_once(self) -> None:
        server = sys.modules["ksbundle_services.keystone.server"]
        site = self.site(database_url=["postgresql://a@localhost/b"])
        for facts in (
            {"fault": "away", "why": "it is down"},
            {"own": ROTATED, "nodes": [node(A)], "server": "postgresql", "version": [16], "encoding": "UTF8"}
            | {"writable": True, "creates": True, "tables": [], "keystone": False},
        ):
            with self.subTest(facts=facts), mock.patch.object(server, "look", return_value=facts) as look:
                self.product.check_outside(site)
                self.assertEqual(len(self.product.expiring(site)), 0 if "fault" in facts else 1)
                self.assertEqual(look.call_count, 1)
                self.product.expiring(site)
                self.assertEqual(look.call_count, 2)

    def test_a_program_without_an_answer_is_a_fault_with_a_reason(self) -> None:
        programs = sys.modules["ksbundle_services.keystone.programs"]
        site = self.site(database_url=["postgresql://a@localhost/b"])
        python = Path(site.release.python)
        python.parent.mkdir(exist_ok=True)
        python.unlink(missing_ok=True)
        self.assertEqual(programs.ask(site, "any", {})["fault"], "other")
        for script, fault, why in (
            ("exec sleep 60", "away", "no answer within"),
            ("echo is broken >&2; exit 1", "other", "is broken"),
        ):
            python.write_text(f"#!/bin/sh\n{script}\n")
            python.chmod(0o755)
            with self.subTest(script=script), mock.patch.object(programs, "PATIENCE", 1.0):
                answer = programs.ask(site, "any", {})
                self.assertEqual(answer["fault"], fault)
                self.assertIn(why, answer["why"])
                with self.assertRaises(Failure) as raised:
                    self.nodes.ask(site, "seal")
                self.assertIn(why, raised.exception.problems[0].why)

    def test_only_keys_are_written_to_their_directories(self) -> None:
        write = sys.modules["ksbundle_services.keystone.shared_keys"]._write_keys
        keys = self.instance / "keys"
        keys.mkdir()
        for name in ("fernet/../../admin-password", "tls/key.pem", "fernet/name", "fernet"):
            with self.assertRaises(Failure):
                write(str(keys), {name: ""})
        self.assertEqual(list(keys.iterdir()), [])
        write(str(keys), {"fernet/0": "YQ==", "fernet/1": "Yg=="})
        write(str(keys), {"fernet/0": "Yw==", "fernet/2": "YQ=="})
        found = {path.name: path.read_text() for path in (keys / "fernet").iterdir()}
        self.assertEqual(found, {"0": "c", "2": "a"})
        self.assertEqual({path.stat().st_mode & 0o777 for path in (keys / "fernet").iterdir()}, {0o600})

    def test_the_digest_of_keys_tells_equal_sets_and_no_incomplete_ones(self) -> None:
        def digest() -> str | None:
            keys = self.product.shared_keys(self.site())
            assert keys is not None
            found: str | None = keys.digest()
            return found

        self.assertIsNone(digest())
        for name in ("fernet", "credential"):
            place = self.instance / "keys" / name
            place.mkdir(parents=True, mode=0o700)
            for key in ("0", "1"):
                (place / key).write_text(f"{name} {key}")
                (place / key).chmod(0o600)
        first = digest()
        self.assertIsNotNone(first)
        (self.instance / "keys" / "fernet.new").mkdir()
        self.assertEqual(digest(), first)
        (self.instance / "keys" / "fernet" / "0").write_text("another")
        self.assertNotIn(digest(), (None, first))
        (self.instance / "keys" / "fernet" / "1").write_text("")
        self.assertIsNone(digest())

    def test_a_node_joins_only_with_the_password_of_the_others(self) -> None:
        server = sys.modules["ksbundle_services.keystone.server"]
        facts: dict[str, Any] = {
            "own": A,
            "nodes": [node(A)],
            "server": "postgresql",
            "version": [16],
            "encoding": "UTF8",
        }
        facts |= {
            "writable": True,
            "creates": True,
            "tables": ["project"],
            "keystone": True,
            "versions": [],
            "heads": [],
        }
        with mock.patch.object(server, "look", return_value=facts):
            url = ["postgresql://a@localhost/b"]
            (problem,) = server.check(self.site(database_url=url))
            self.assertIn("password is not known", problem.what)
            self.assertEqual(server.check(self.site(database_url=url, admin_password_file=["/root/password"])), [])


if __name__ == "__main__":
    unittest.main()
