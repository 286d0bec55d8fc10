from __future__ import annotations

import subprocess
import unittest

import support
from installer.bundle.render import FILTERS, render

HOSTILE = "/srv/key stöne/a'b\"c$d%e&f|g\\h*[i]/`j`"


class RenderTest(unittest.TestCase):
    def test_values_are_inserted_unchanged(self) -> None:
        self.assertEqual(render("a=@{x} b=@{x} $x %(x)s @x", {"x": "\\1&"}), "a=\\1& b=\\1& $x %(x)s @x")

    def test_a_missing_value_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            render("@{missing}", {})

    def test_python_quoting_round_trips(self) -> None:
        self.assertEqual(eval(render("@{x|python}", {"x": HOSTILE})), HOSTILE)  # noqa: S307

    def test_shell_quoting_round_trips(self) -> None:
        script = render("printf %s @{x|shell}", {"x": HOSTILE})
        self.assertEqual(subprocess.check_output(["/bin/sh", "-c", script], encoding="utf-8"), HOSTILE)

    def test_httpd_quoting(self) -> None:
        for name in ("httpd", "quoted"):
            self.assertEqual(render(f"@{{x|{name}}}", {"x": 'a b"c\\d'}), '"a b\\"c\\\\d"')

    def test_oslo_quoting(self) -> None:
        self.assertEqual(render("@{x|oslo}", {"x": "a$b$$"}), "a$$b$$$$")

    def test_every_template_uses_only_known_filters(self) -> None:
        for template in (support.INIT / "services" / "keystone" / "templates").iterdir():
            for part in template.read_text().split("@{")[1:]:
                _, bar, name = part.partition("}")[0].partition("|")
                self.assertTrue(not bar or name in FILTERS, f"{template.name}: {name}")


if __name__ == "__main__":
    unittest.main()
