from __future__ import annotations

import unittest

import support  # noqa: F401
from installer.answers.values import canonical, join_host, split_host_port


class CanonicalTest(unittest.TestCase):
    def accepts(self, kind: str, text: str, value: str) -> None:
        with self.subTest(kind=kind, text=text):
            self.assertEqual(canonical(kind, text), value)

    def refuses(self, kind: str, *texts: str) -> None:
        for text in texts:
            with self.subTest(kind=kind, text=text), self.assertRaises(ValueError):
                canonical(kind, text)

    def test_host(self) -> None:
        self.accepts("host", "192.168.1.103", "192.168.1.103")
        self.accepts("host", "Keystone.Example.ORG.", "keystone.example.org")
        self.accepts("host", "[::1]", "::1")
        self.accepts("host", "2001:DB8:0::1", "2001:db8::1")
        self.refuses("host", "", "0.0.0.0", "::", "1.2.3", "1.2.3.256", "a b", "-a", "a..b", "a/b", "x" * 64)

    def test_host_port(self) -> None:
        self.accepts("host-port", "05000", "5000")
        self.accepts("host-port", "127.0.0.1:5000", "127.0.0.1:5000")
        self.accepts("host-port", "[::1]:5000", "[::1]:5000")
        self.accepts("host-port", "0.0.0.0:80", "0.0.0.0:80")
        self.refuses("host-port", "", "0", "65536", "abc", "::1:5000", "host:", ":5000x", "a b:1")

    def test_url(self) -> None:
        self.accepts("url", "https://id.example.org/v3/", "https://id.example.org/v3")
        self.accepts("url", "http://[::1]:5000", "http://[::1]:5000")
        self.refuses(
            "url", "", "id.example.org", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://a/?q", "http://[x"
        )

    def test_integer_choice_boolean(self) -> None:
        self.accepts("integer", "007", "7")
        self.refuses("integer", "", "1.5", "x", "1e3", "٣")
        self.accepts("boolean", "Yes", "true")
        self.refuses("boolean", "maybe")

    def test_path_is_made_absolute(self) -> None:
        self.accepts("path", "/a/../b//c", "/b/c")
        self.assertTrue(canonical("path", "x").startswith("/"))

    def test_control_characters_and_broken_unicode_are_refused_everywhere(self) -> None:
        for kind in ("string", "host", "path", "url"):
            self.refuses(kind, "a\nb", "a\x00b", "a\udcffb")

    def test_split_is_the_reverse_of_join(self) -> None:
        self.assertEqual(split_host_port("[::1]:5000"), ("::1", 5000))
        self.assertEqual(split_host_port("5000"), ("", 5000))
        self.assertEqual(join_host("::1"), "[::1]")
        self.assertEqual(join_host("a.example"), "a.example")


if __name__ == "__main__":
    unittest.main()
