"""What an OpenID Connect provider adds to the configuration, and which answers are refused; the e2e tests use one."""

from __future__ import annotations

import configparser
from unittest import main

import keystone_site
from installer.bundle.render import FILTERS

CONFIG = "etc/httpd-openid.conf"


class OpenidTest(keystone_site.ServerAnswersTest):
    server = "oidc_issuer"

    def setUp(self) -> None:
        super().setUp()
        module = self.directory / keystone_site.HOSTILE / "modules/mod_auth_openidc.so"
        module.parent.mkdir()
        module.touch()
        self.module = module

    def own(self) -> dict[str, list[str]]:
        return {
            "host": ["192.0.2.7"],
            "oidc_issuer": ["https://id.example/realm"],
            "oidc_client_id": ["keystone"],
            "oidc_client_secret_file": [self.file("given", "s3cret\n")],
            "oidc_ca": [self.file("ca.pem", keystone_site.BLOCK)],
        }

    def test_httpd_and_keystone_know_the_provider(self) -> None:
        site = self.site(**self.answers(oidc_dashboard=["https://board/$x"]))
        config = self.rendered(CONFIG, site)
        for line in (
            'OIDCProviderMetadataURL "https://id.example/realm/.well-known/openid-configuration"',
            'OIDCRedirectURI "http://192.0.2.7:5000/v3/auth/OS-FEDERATION/websso/openid/redirect_uri"',
            "OIDCPassClaimsAs environment",
            '<Location "/v3/OS-FEDERATION/identity_providers/oidc/protocols/openid/auth">',
            "    Require claim aud:keystone",
        ):
            self.assertIn(f"\n{line}\n", config)
        self.assertNotIn("OIDCXForwardedHeaders", config)
        included = FILTERS["httpd"](site.instance.path(CONFIG))
        self.assertIn(f"\nInclude {included}\n", self.rendered("etc/httpd.conf", site))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(self.rendered("etc/keystone.conf", site))
        self.assertEqual(parser["federation"]["assertion_prefix"], "OIDC_CLAIM_")
        self.assertEqual(parser["federation"]["trusted_dashboard"], "https://board/$$x")
        self.assertEqual(parser["openid"]["remote_id_attribute"], "OIDC_CLAIM_iss")
        self.assertEqual(parser["auth"]["methods"].split(",")[-1], "openid")
        self.assertNotIn("external", parser["auth"]["methods"])

    def test_without_a_provider_nothing_is_added(self) -> None:
        site = self.site()
        self.assertFalse([file for file in self.product.rendered_files(site) if "openid" in file.path])
        self.assertNotIn("Include", self.rendered("etc/httpd.conf", site))
        self.assertNotIn("[auth]", self.rendered("etc/keystone.conf", site))

    def test_forwarded_headers_count_only_with_a_proxy(self) -> None:
        site = self.site(**self.answers(trusted_proxy=["192.0.2.1"]))
        self.assertIn("\nOIDCXForwardedHeaders X-Forwarded-Host X-Forwarded-Proto\n", self.rendered(CONFIG, site))

    def test_the_secret_is_kept_and_not_shown(self) -> None:
        answers = self.answers(oidc_client_secret_file=[self.file("hard", 'a"b\\c $d\n')])
        found = {file.path: file for file in self.product.rendered_files(self.site(switch=True, **answers))}
        self.assertEqual((found["keys/oidc-client-secret"].content, found[CONFIG].mode), (b'a"b\\c $d\n', 0o640))
        self.assertIn('\nOIDCClientSecret "a\\"b\\\\c $d"\n', found[CONFIG].content.decode())
        self.assertIn(b'\nOIDCClientSecret "(hidden)"\n', found[CONFIG].shown)
        self.assertIn("oidc-client-secret-file", self.product.TRANSIENT)

    def test_httpd_reads_its_directives_again_if_they_change(self) -> None:
        site = self.site(**self.answers())
        (daemon,) = [daemon for daemon in self.product.daemons(site) if daemon.name == "httpd"]
        self.assertIn(CONFIG, daemon.files)

    def test_answers_that_name_no_provider_are_refused(self) -> None:
        self.check_refused(
            (
                ({"oidc_issuer": ["http://h"]}, "must be a URL that begins with https://"),
                ({"oidc_issuer": ["nonsense"]}, "must be a URL"),
                ({"oidc_issuer": ["https://[h"]}, "must be a URL"),
                ({"oidc_issuer": ["https://h:0"]}, "must be a URL"),
                ({"oidc_issuer": ["https://u:s3cret@h"]}, "an issuer has no account"),
                ({"oidc_issuer": ["https://h/?x"]}, "an issuer has no account"),
                ({"oidc_client_id": []}, "nothing says which client of the provider Keystone is"),
                ({"oidc_ca": []}, "nothing says how the provider's certificate is to be checked"),
                ({"oidc_ca": ["/nowhere"]}, "the certificates of the provider's authority cannot be read"),
                ({"oidc_client_secret_file": []}, "Keystone has no secret for the provider"),
                ({"oidc_client_secret_file": ["/nowhere"]}, "the provider's client secret cannot be used"),
                ({"oidc_client_secret_file": [self.file("command", "exec:/bin/id\n")]}, "httpd would change it"),
                ({"oidc_client_secret_file": [self.file("variable", "a${PATH}\n")]}, "httpd would change it"),
                ({"oidc_dashboard": ["dashboard"]}, "not a valid value for --oidc-dashboard"),
                ({"public_url": ["https://cloud.example/identity"]}, "--public-url has a path"),
                ({"server": ["uwsgi"]}, "uWSGI cannot ask an OpenID Connect provider"),
                ({"oidc_issuer": []}, "is given without --oidc-issuer"),
            )
        )
        self.assertEqual(self.problems(), [])

    def test_a_certificate_that_is_no_text_is_a_problem(self) -> None:
        spoilt = self.file("spoilt.pem", keystone_site.BLOCK.replace("MIIB", "MIéB"))
        (found,) = self.product.check_outside(self.site(**self.answers(oidc_ca=[spoilt])))
        self.assertEqual(found.what, "there is no protected connection to the OpenID Connect provider")

    def test_a_bundle_without_the_module_says_so(self) -> None:
        self.module.unlink()
        self.assertIn("this bundle cannot ask an OpenID Connect provider", self.problems()[0])


if __name__ == "__main__":
    main()
