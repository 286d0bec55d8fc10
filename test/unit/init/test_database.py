"""Which database Keystone uses, and which answers are refused; the e2e tests use servers."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path
from typing import Any
from unittest import main
from urllib.parse import parse_qs, unquote, urlsplit

import keystone_site
from installer.bundle.store import names_of
from installer.errors import Exit, Failure

POSTGRESQL = "postgresql://keystone@db.example/keystone"
BLOCK = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
MYSQL = "mysql://keystone@10.0.0.9:3307/identity"


class DatabaseTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.database: Any = sys.modules["ksbundle_services.keystone.database"]

    def whats(self, **texts: Any) -> list[str]:
        return [problem.what for problem in self.product.check_answers(self.site(**texts))]

    def whys(self, url: str, **texts: Any) -> list[str]:
        problems = self.product.check_answers(self.site(database_url=[url], **texts))
        return [problem.why for problem in problems]

    def connection(self, **texts: Any) -> str:
        parser = configparser.RawConfigParser()
        parser.read_string(self.rendered("etc/keystone.conf", self.site(**texts)))
        return parser["database"]["connection"].replace("$$", "$")

    def keep(self, path: str, text: str) -> Path:
        file = self.instance / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def test_a_url_names_driver_account_server_and_database(self) -> None:
        url = urlsplit(self.connection(database_url=[POSTGRESQL]))
        self.assertEqual(
            (url.scheme, url.netloc, url.path), ("postgresql+psycopg", "keystone@db.example:5432", "/keystone")
        )
        url = urlsplit(self.connection(database_url=["mariadb://key%40stone@[::1]/identity?ssl_ca=/etc/ssl/ca.pem"]))
        self.assertEqual((url.scheme, url.netloc, url.path), ("mysql+pymysql", "key%40stone@[::1]:3306", "/identity"))
        self.assertEqual(parse_qs(url.query)["ssl_ca"], ["/etc/ssl/ca.pem"])

    def test_an_unreachable_server_blocks_no_request(self) -> None:
        for url in (POSTGRESQL, MYSQL):
            self.assertLessEqual(
                int(parse_qs(urlsplit(self.connection(database_url=[url])).query)["connect_timeout"][0]), 5
            )
            self.assertIn("\nmax_retries = 0\n", self.rendered("etc/keystone.conf", self.site(database_url=[url])))
        self.assertNotIn("max_retries", self.rendered("etc/keystone.conf", self.site()))

    def test_a_password_is_read_from_a_file_and_kept_as_a_secret(self) -> None:
        secret = "p:w@/d %?#é$"
        texts: Any = {"database_url": [POSTGRESQL], "database_password_file": [self.file("given", f"{secret}\n")]}
        self.assertEqual(unquote(urlsplit(self.connection(**texts)).password or ""), secret)
        found = {file.path: file for file in self.product.rendered_files(self.site(switch=True, **texts))}
        kept = found["keys/database-password"]
        self.assertEqual((kept.content.decode(), kept.secret, kept.mode), (f"{secret}\n", True, 0o640))
        shown = (found["etc/keystone.conf"].shown or b"").decode()
        self.assertIn("\nconnection = postgresql+psycopg://keystone:(hidden)@db.example:", shown)
        self.assertEqual(kept.shown, b"")
        self.assertIn("database-password-file", self.product.TRANSIENT)
        self.keep("keys/database-password", f"{secret}\n")
        self.assertEqual(unquote(urlsplit(self.connection(database_url=[POSTGRESQL])).password or ""), secret)
        self.assertEqual(self.whats(database_url=[MYSQL]), ["the database's password cannot be used"])
        self.assertFalse([file.path for file in self.product.rendered_files(self.site()) if file.secret])

    def test_the_authority_of_a_server_is_kept_and_the_server_verified(self) -> None:
        certificate = self.file("ca.pem", f"text before it\n{BLOCK}")
        for url, wanted in (
            (MYSQL, {"ssl_ca": [f"{self.instance}/keys/database-ca.pem"]}),
            (POSTGRESQL, {"sslmode": ["verify-full"], "sslrootcert": [f"{self.instance}/keys/database-ca.pem"]}),
        ):
            texts: Any = {"database_url": [url], "database_ca": [certificate]}
            found = parse_qs(urlsplit(self.connection(**texts)).query)
            self.assertEqual({name: found[name] for name in wanted}, wanted)
            self.assertEqual(self.rendered("keys/database-ca.pem", self.site(**texts)), BLOCK)
            self.assertNotIn("the connection to the database is not protected", self.warned(**texts))
        self.assertIn("the connection to the database is not protected", self.warned(database_url=[MYSQL]))
        self.assertNotIn(
            "the connection to the database is not protected", self.warned(database_url=["mysql://u@[::1]/d"])
        )

    def warned(self, **texts: Any) -> list[str]:
        return [problem.what for problem in self.database.warn(self.site(**texts))]

    def test_a_password_in_a_url_is_refused_and_not_repeated(self) -> None:
        for url in (
            "postgresql://keystone:s3cret@db/keystone",
            "mysql://keystone:@db/keystone",
            "mysql://u:s3cret@d@db/x",
            "postgresql://u@db/x?password=s3cret",
            "mysql://u@db/x?passwd=s3cret",
        ):
            problems = self.product.check_answers(self.site(database_url=[url]))
            self.assertTrue(problems, url)
            self.assertNotIn("s3cret", repr(problems))
            with self.assertRaises(Failure) as caught:
                self.product.rendered_files(self.site(database_url=[url]))
            self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
            self.assertNotIn("s3cret", repr(caught.exception.problems))
        self.assertEqual(self.whats(database_url=["postgresql://u:p@db/x"]), ["--database-url contains a password"])

    def test_urls_that_name_no_database_are_refused(self) -> None:
        for url, why in (
            ("sqlite:///x.db", "must begin with"),
            ("nonsense", "must begin with"),
            ("mysql+mysqldb://u@h/d", "must begin with"),
            ("postgresql://h/d", "no user"),
            ("postgresql://u@/d", "no host"),
            ("postgresql://u@h", "no database"),
            ("postgresql://u@h/", "no database"),
            ("postgresql://u@h/a/b", "more than one"),
            ("postgresql://u@h:x/d", "a port is"),
            ("postgresql://u@h:70000/d", "a port is"),
            ("postgresql://u@h/d d", "percent-encoded"),
            ("postgresql://u@h/d#x", "percent-encoded"),
            ("postgresql://[u@h/d", "must begin with"),
            ("mysql://u@h/d?ssl_verify_cert=true", "parameter ssl_verify_cert"),
            ("mysql://u@h/d?ssl_ca=a.pem", "relative path"),
            ("postgresql://u@h/d?sslmode=require&sslmode=disable", "twice"),
        ):
            (found,) = self.whys(url)
            self.assertIn(why, found)
        for url in (POSTGRESQL, MYSQL, "postgresql://u@h/d?sslmode=verify-full&sslrootcert=system"):
            self.assertEqual(self.whys(url), [])

    def test_answers_that_contradict_each_other_are_refused(self) -> None:
        password = self.file("password", "x\n")
        certificate = self.file("empty.pem", "nothing\n")
        both = self.whats(database_url=[MYSQL], database=["embedded"])
        self.assertEqual(both, ["--database-url is given together with --database"])
        self.assertEqual(
            self.whats(database_password_file=[password], database_ca=[certificate]),
            [
                "--database-password-file is given without --database-url",
                "--database-ca is given without --database-url",
            ],
        )
        self.assertEqual(
            self.whats(database_url=[MYSQL], database_ca=[certificate]), ["the file contains no certificate"]
        )
        gone = str(self.directory / "gone")
        self.assertEqual(
            self.whats(database_url=[MYSQL], database_password_file=[gone], database_ca=[gone]),
            [
                "the database's password cannot be used",
                "the certificates of the database's authority cannot be read",
            ],
        )
        (why,) = self.whys("mysql://u@h/d?ssl_ca=/a", database_ca=[self.file("ca", BLOCK)])
        self.assertIn("--database-ca", why)

    def test_after_a_switch_the_data_is_in_one_database_only(self) -> None:
        for name in ("data", "keys"):
            (self.instance / name).mkdir(parents=True, exist_ok=True)
        ways: list[dict[str, Any]] = [{}, {"database": ["embedded"]}, {"database_url": [MYSQL]}]
        for former in ways:
            for texts in ways:
                self.database.finish(self.site(**former))
                site = self.site(**texts)
                self.database.finish(site)
                self.assertEqual(self.database.kept(site), self.database.identity(site))

    def test_a_bundle_without_a_server_has_no_embedded_database(self) -> None:
        (problem,) = self.product.check_answers(self.site(database=["embedded"]))
        self.assertIn("keystone-postgresql", problem.hint)

    def test_an_instance_stays_with_its_database(self) -> None:
        self.assertFalse(self.product.is_prepared(self.site()))
        file = self.keep("data/keystone.db", "")
        self.assertTrue(self.product.is_prepared(self.site(database_url=[MYSQL])))
        (problem,) = self.product.check_answers(self.site(database_url=[MYSQL]))
        self.assertIn(": sqlite", problem.what)
        self.assertIn(f"migrate-database --to {MYSQL}", problem.hint)
        file.unlink()
        (self.instance / "data").mkdir(exist_ok=True)
        self.database.finish(self.site(database_url=[MYSQL]))
        self.assertTrue(self.product.is_prepared(self.site()))
        for url in (MYSQL, "mariadb://another@10.0.0.9:3307/identity?ssl_ca=/etc/ca.pem"):
            self.assertEqual(self.whats(database_url=[url]), [])
        others: list[Any] = [
            {},
            {"database_url": [POSTGRESQL]},
            {"database_url": ["mysql://keystone@10.0.0.8:3307/identity"]},
        ]
        for texts in others:
            (problem,) = self.product.check_answers(self.site(**texts))
            self.assertIn(": mysql://10.0.0.9:3307/identity", problem.what)

    def test_a_backup_of_a_server_can_be_restored_to_a_file_and_back(self) -> None:
        kinds: list[Any] = [{}, {"database_url": [MYSQL]}]
        for texts in kinds:
            (store,) = self.product.stores(self.site(**texts))
            self.assertEqual(names_of(store, ["data/keystone.db", "keys/one"]), ["data/keystone.db"])

    def test_the_database_begun_by_an_interrupted_run_is_known(self) -> None:
        site = self.site(database_url=[MYSQL])
        (self.instance / "data").mkdir(exist_ok=True)
        self.database.begin(site)
        self.assertTrue(self.database.begun(site))
        self.assertFalse(self.database.begun(self.site(database_url=[POSTGRESQL])))
        self.assertFalse(self.product.is_prepared(site))
        self.assertIn("data/keystone.database", self.product.unmade(site))
        self.database.finish(site)
        self.assertFalse(self.database.begun(site))
        self.assertNotIn("data/keystone.database", self.product.unmade(site))


if __name__ == "__main__":
    main()
