"""Given certificates and keys, checked and copied; real ones, made by openssl."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import keystone_site
from installer.answers import answers, own
from installer.answers.answers import RECEIPT, Source
from installer.bundle.api import Site
from installer.kit import tls


class TlsTest(keystone_site.KeystoneSiteTest):
    def setUp(self) -> None:
        super().setUp()
        (self.instance / "keys" / "tls").mkdir(parents=True)
        self.make_certificate("one", "/CN=one", "subjectAltName=IP:127.0.0.1,DNS:id.example")

    def path(self, name: str) -> Path:
        return self.directory / name

    def with_tls(self, certificate: str = "one.pem", key: str = "one.key", **texts: Any) -> Site:
        return self.site(tls_cert=[str(self.path(certificate))], tls_key=[str(self.path(key))], **texts)

    def remembered(self) -> Site:
        site = self.with_tls()
        texts = {name: site.values(name) for name in ("tls-cert", "tls-key")}
        resolved = answers.resolve(own.declarations(site.release.bundle), [Source(RECEIPT, texts)])
        return Site(site.release, site.instance, site.account, resolved)

    def refused(self, site: Site) -> list[str]:
        return [problem.what for problem in self.product.check_answers(site)]

    def warned(self, site: Site) -> list[str]:
        return [problem.what for problem in self.product.warn(site)]

    def copies(self, site: Site) -> dict[str, Any]:
        return {file.path: file for file in self.product.rendered_files(site) if file.path.startswith("keys/")}

    def test_a_valid_pair_is_copied_and_the_key_is_a_secret(self) -> None:
        site = self.with_tls()
        self.assertEqual((self.refused(site), self.warned(site)), ([], []))
        found = self.copies(site)
        self.assertEqual(found["keys/tls/key.pem"].content, self.path("one.key").read_bytes())
        self.assertEqual((found["keys/tls/key.pem"].secret, found["keys/tls/key.pem"].mode), (True, 0o600))
        self.assertEqual(self.product.state(site)["public_url"], "https://127.0.0.1:5000/v3")
        for file in self.product.rendered_files(site):
            self.assertEqual("PRIVATE KEY" in file.content.decode(), file.secret, file.path)

    def test_both_servers_speak_only_tls(self) -> None:
        self.assertIn("SSLEngine On", self.rendered("etc/httpd.conf", self.with_tls()))
        text = self.rendered("etc/uwsgi.ini", self.with_tls(server=["uwsgi"]))
        self.assertIn("https2 = addr=127.0.0.1:5000,cert=../../keys/tls/certificate.pem,", text)
        self.assertNotIn("\nhttp = ", text)

    def test_clients_get_a_certificate_that_no_authority_signed(self) -> None:
        self.assertIn("export OS_CACERT=", self.rendered("admin-openrc.sh", self.with_tls()))
        self.assertIn("unset OS_CACERT", self.rendered("admin-openrc.sh", self.site()))

    def test_only_the_requested_blocks_are_copied(self) -> None:
        both = self.path("one.pem").read_bytes() + b"caf\xe9\r\n" + self.path("one.key").read_bytes()
        self.path("both.pem").write_bytes(both)
        found = self.copies(self.with_tls("both.pem", "both.pem"))
        self.assertEqual(found["keys/tls/certificate.pem"].content, self.path("one.pem").read_bytes())
        self.assertEqual(found["keys/tls/key.pem"].content, self.path("one.key").read_bytes())

    def test_unusable_files_are_refused(self) -> None:
        self.make_certificate("two", "/CN=two", "subjectAltName=DNS:id.example")
        self.path("text").write_text("no PEM")
        self.path("damaged.pem").write_bytes(self.path("one.pem").read_bytes().replace(b"MI", b"MM"))
        self.openssl("pkcs8", "-topk8", "-in", "one.key", "-passout", "pass:x", "-out", "locked.key")
        self.assertEqual(self.refused(self.with_tls("one.pem", "two.key")), ["the key is not that of the certificate"])
        self.assertEqual(self.refused(self.with_tls("one.pem", "locked.key")), ["the private key is encrypted"])
        self.assertEqual(
            self.refused(self.with_tls("text", "missing")),
            ["the file contains no certificate", "the private key cannot be read"],
        )
        self.assertEqual(self.refused(self.with_tls("damaged.pem")), ["the certificate and the key cannot be used"])
        alone = self.site(tls_cert=[str(self.path("one.pem"))])
        self.assertEqual(self.refused(alone), ["--tls-cert is given without --tls-key"])

    def test_an_expired_certificate_is_refused(self) -> None:
        self.make_ended("old")
        (problem,) = self.product.check_answers(self.with_tls("old.pem", "one.key"))
        self.assertEqual(problem.why, "certificate has expired")

    def make_ended(self, name: str) -> None:
        """`openssl req -x509` takes dates since version 3.4 only; `openssl ca` always did."""
        self.path("index").write_text("")
        self.path("serial").write_text("01\n")
        self.path("ca.conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "[p]\ncommonName=supplied\n"
        )
        self.openssl("req", "-new", "-key", "one.key", "-subj", f"/CN={name}", "-out", "r.csr")
        request = ["-batch", "-config", "ca.conf", "-selfsign", "-keyfile", "one.key", "-in", "r.csr"]
        dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
        self.openssl("ca", *request, *dates, "-notext", "-out", f"{name}.pem")

    def test_unusual_certificates_cause_a_warning(self) -> None:
        self.make_certificate("soon", "/CN=soon", "subjectAltName=IP:127.0.0.1", days=5)
        self.assertEqual(self.warned(self.with_tls("soon.pem", "soon.key")), ["the certificate expires in 4 days"])
        self.assertEqual(self.warned(self.with_tls(host=["localhost"])), ["the certificate is not for localhost"])
        self.path("one.key").chmod(0o644)
        self.assertEqual(self.warned(self.with_tls()), ["every user can read the private key"])

    def test_copies_that_expired_that_expire_soon_and_that_are_missing(self) -> None:
        site = self.with_tls()
        copy, key = (self.instance / "keys" / "tls" / name for name in ("certificate.pem", "key.pem"))
        key.write_bytes(self.path("one.key").read_bytes())

        def found(certificate: str) -> tuple[list[str], list[str]]:
            copy.write_bytes(self.path(certificate).read_bytes())
            faults = [problem.why for problem in tls.check_copies(site)]
            return faults, [problem.what for problem in tls.expiring(site)]

        self.assertEqual(found("one.pem"), ([], []))
        self.make_ended("old")
        self.assertEqual(found("old.pem"), (["certificate has expired"], []))
        self.make_certificate("soon", "/CN=soon", "subjectAltName=IP:127.0.0.1", days=5)
        key.write_bytes(self.path("soon.key").read_bytes())
        self.assertEqual(found("soon.pem"), ([], ["the certificate expires in 4 days"]))
        copy.unlink()
        self.assertEqual([problem.what for problem in tls.check_copies(site)], ["the certificate cannot be read"])

    def test_the_copy_replaces_files_that_were_removed_after_an_earlier_run(self) -> None:
        for path, file in self.copies(self.with_tls()).items():
            (self.instance / path).write_bytes(file.content)
        before = self.copies(self.with_tls())
        for name in ("one.pem", "one.key"):
            self.path(name).unlink()
        self.assertEqual(self.copies(self.remembered()), before)
        self.assertEqual(len(self.refused(self.with_tls())), 2)

    def test_a_renewed_file_replaces_the_copy(self) -> None:
        before = self.copies(self.remembered())
        self.make_certificate("one", "/CN=one", "subjectAltName=IP:127.0.0.1")
        self.assertNotEqual(self.copies(self.remembered()), before)


if __name__ == "__main__":
    unittest.main()
