"""Which directory Keystone uses, and which answers are refused; the e2e tests use servers."""

from __future__ import annotations

import configparser
import sys
from typing import Any
from unittest import main

import keystone_site

URL = "ldaps://ldap.example:6360"
CONFIG = "etc/domains/keystone.ldap.conf"


class DirectoryTest(keystone_site.ServerAnswersTest):
    server = "ldap_url"

    def setUp(self) -> None:
        super().setUp()
        self.directory_module: Any = sys.modules["ksbundle_services.keystone.directory"]

    def own(self) -> dict[str, list[str]]:
        return {
            "ldap_url": [URL],
            "ldap_bind_dn": ["cn=keystone,dc=example,dc=org"],
            "ldap_password_file": [self.file("given", "secret\n")],
            "ldap_ca": [self.file("ca.pem", keystone_site.BLOCK)],
            "ldap_suffix": ["dc=example,dc=org"],
        }

    def config(self, path: str = CONFIG, **texts: list[str]) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(self.rendered(path, self.site(**self.answers(**texts))))
        return parser

    def test_a_domain_gets_a_file_that_keystone_reads(self) -> None:
        found = self.config()
        self.assertEqual(found["identity"]["driver"], "ldap")
        for name, value in {
            "url": f'"{URL}"',
            "user": '"cn=keystone,dc=example,dc=org"',
            "password": '"secret"',
            "user_tree_dn": '"dc=example,dc=org"',
            "group_tree_dn": '"ou=groups,dc=example,dc=org"',
            "use_tls": "false",
            "tls_req_cert": "demand",
            "chase_referrals": "false",
            "use_pool": "true",
            "user_objectclass": "inetOrgPerson",
        }.items():
            self.assertEqual(self.config(ldap_group_base=["ou=groups,dc=example,dc=org"])["ldap"][name], value, name)
        self.assertLessEqual(int(found["ldap"]["pool_connection_timeout"]), 5)
        self.assertEqual(self.config("etc/keystone.conf")["identity"]["domain_specific_drivers_enabled"], "true")
        self.assertNotIn("domain_specific_drivers_enabled", self.rendered("etc/keystone.conf", self.site()))
        self.assertFalse([file for file in self.product.rendered_files(self.site()) if "domains" in file.path])

    def test_settings_of_active_directory_are_used_only_there(self) -> None:
        found = self.config("etc/domains/keystone.corp.conf", ldap_schema=["ad"], ldap_domain=["corp"])["ldap"]
        self.assertEqual((found["user_name_attribute"], found["user_enabled_mask"]), ("sAMAccountName", "2"))
        self.assertEqual(self.product.state(self.site(**self.answers(ldap_domain=["corp"])))["domain"], "corp")
        self.assertNotIn("domain", self.product.state(self.site()))

    def test_the_password_is_kept_as_a_secret_and_so_is_the_file_that_has_it(self) -> None:
        secret = 'p:w@/d %?#é$ \\$x "'
        answers = self.answers(ldap_password_file=[self.file("hard", f"{secret}\n")])
        found = {file.path: file for file in self.product.rendered_files(self.site(switch=True, **answers))}
        kept = found["keys/ldap-password"]
        self.assertEqual((kept.content.decode(), kept.secret, kept.mode), (f"{secret}\n", True, 0o640))
        self.assertTrue(found[CONFIG].secret)
        self.assertEqual(found[CONFIG].mode, 0o640)
        self.assertIn(b"\npassword = (hidden)\n", found[CONFIG].shown)
        self.assertNotIn(secret[:5].encode(), found[CONFIG].shown)
        line = 'password = "p:w@/d %?#é\\$ \\\\$x ""\n'
        self.assertIn(line, found[CONFIG].content.decode())
        self.assertEqual(found["keys/ldap-ca.pem"].content.decode(), keystone_site.BLOCK)
        self.assertIn("ldap-password-file", self.product.TRANSIENT)

    def test_a_change_of_files_that_processes_read_restarts_them(self) -> None:
        application = self.product.services[-1].application(self.site(**self.answers()))
        self.assertLessEqual({CONFIG, "keys/ldap-ca.pem"}, set(application.files))

    def test_starttls_is_for_a_connection_that_is_not_protected(self) -> None:
        self.assertEqual(self.config(ldap_url=["ldap://h"], ldap_starttls=["true"])["ldap"]["use_tls"], "true")
        self.assertIn("--ldap-starttls is given for ldaps://", self.problems(ldap_starttls=["true"])[0])

    def test_an_unprotected_connection_causes_a_warning(self) -> None:
        def warned(**texts: list[str]) -> list[str]:
            site = self.site(**self.answers(**texts))
            return [problem.what for problem in self.directory_module.warn(site)]

        self.assertEqual(warned(ldap_url=["ldap://h"]), ["the connection to the directory is not protected"])
        for fine in ({}, {"ldap_url": ["ldap://127.0.0.1"]}, {"ldap_url": ["ldap://h"], "ldap_starttls": ["true"]}):
            self.assertEqual(warned(**fine), [])

    def test_answers_that_name_no_directory_are_refused(self) -> None:
        self.check_refused(
            (
                ({"ldap_url": ["https://h"]}, "must begin with ldaps:// or ldap://"),
                ({"ldap_url": ["nonsense"]}, "must begin with"),
                ({"ldap_url": ["ldaps://[h"]}, "must begin with"),
                ({"ldap_url": ["ldaps://"]}, "names no host"),
                ({"ldap_url": ["ldaps://h:x"]}, "a port is"),
                ({"ldap_url": ["ldaps://h:0"]}, "a port is"),
                ({"ldap_url": ["ldaps://u:s3cret@h"]}, "names an account"),
                ({"ldap_url": ["ldaps://h/dc=x"]}, "more than a host and a port"),
                ({"ldap_url": ["ldaps://h?x"]}, "more than a host and a port"),
                ({"ldap_ca": []}, "nothing says how the directory's certificate is to be checked"),
                ({"ldap_ca": ["/nowhere"]}, "the certificates of the directory's authority cannot be read"),
                ({"ldap_suffix": []}, "nothing says where in the directory the users are"),
                ({"ldap_bind_dn": []}, "belong together"),
                ({"ldap_password_file": []}, "belong together"),
                ({"ldap_password_file": ["/nowhere"]}, "the directory's password cannot be used"),
                ({"ldap_domain": ["Default"]}, "the domain Default cannot be a directory's"),
                ({"ldap_url": []}, "is given without --ldap-url"),
            )
        )
        self.assertEqual(self.problems(ldap_bind_dn=[], ldap_password_file=[]), [])


if __name__ == "__main__":
    main()
