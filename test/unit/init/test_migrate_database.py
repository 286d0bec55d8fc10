"""A migration to another place with a small product: its data and service, wherever a run fails or ends."""

from __future__ import annotations

import json
import shutil
import unittest
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fake_product import DAEMON, Cut, FakeProduct, cut_at
from installer.bundle.api import Site
from installer.bundle.transfer import Transfer
from installer.commands import install
from installer.commands.migrate_database import migrate_database
from installer.errors import Exit, Failure, Problem
from installer.state import files
from product_site import ProductTest, quiet

ANSWERS = [
    {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address"},
    {"name": "place", "type": "string", "default": "one", "help": "Where the data are"},
]


class MovingProduct(FakeProduct):
    """Its data is a file that the answer `place` names; the mark says which one."""

    def file(self, site: Site) -> str:
        return site.instance.path("data", site.value("place") or "")

    def mark(self, site: Site) -> str:
        return site.instance.path("data", "mark")

    def is_prepared(self, site: Site) -> bool:
        return files.exists(self.mark(site))

    def _write(self, site: Site) -> None:
        for path, text in ((self.file(site), "kept"), (self.mark(site), site.value("place") or "")):
            files.write_atomically(path, text.encode(), 0o600, site.account.owner)

    def prove(self, site: Site) -> list[str]:
        self._did("prove")
        found = [files.read(path) for path in (self.file(site), self.mark(site))]
        if found != [b"kept", (site.value("place") or "").encode()]:
            raise Failure(Exit.VERIFICATION, Problem("the data are not there"))
        return ["proven"]

    def place(self, where: str) -> Mapping[str, Sequence[str]] | None:
        return None if where == "nowhere" else {"place": [where]}

    def transfer(self, source: Site, target: Site) -> Transfer | None:
        return Way(self, source, target)


@dataclass
class Way:
    product: MovingProduct
    source: Site
    target: Site
    left: str = "the former place is left"

    def did(self, name: str) -> None:
        self.product._did(name)

    @property
    def is_done(self) -> bool:
        return self.source.value("place") == self.target.value("place")

    def claim(self) -> None:
        self.did("claim")

    def rehearse(self) -> str:
        self.did("rehearse")
        return "it fits"

    def copy(self) -> str:
        shutil.copy2(self.product.file(self.source), self.product.file(self.target))
        self.did("copy")
        return "all of it"

    def _use(self, site: Site) -> None:
        files.write_atomically(self.product.mark(site), (site.value("place") or "").encode(), 0o600)

    def adopt(self) -> None:
        self._use(self.target)
        self.did("adopt")

    def prove(self) -> None:
        self.did("know")

    def finish(self) -> None:
        self.did("finish")

    def give_back(self) -> None:
        self._use(self.source)


class MigrateDatabaseTest(ProductTest):
    ANSWERS = ANSWERS
    PRODUCT = MovingProduct

    def setUp(self) -> None:
        super().setUp()
        self.install()

    def migrate(self, where: str) -> None:
        with quiet():
            migrate_database(self.session("migrate-database", "--to", where), where)

    def fails_to_migrate(self, exit_code: Exit, where: str) -> Failure:
        with self.assertRaises(Failure) as caught:
            self.migrate(where)
        self.assertEqual(caught.exception.exit_code, exit_code)
        return caught.exception

    def assert_served_from(self, place: str) -> None:
        """Also checks that the next install finds nothing to do."""
        recorded = json.loads((self.instance / "receipt.json").read_text())
        self.assertEqual(recorded["answers"].get("place", ["one"]), [place])
        self.assertEqual([process.name for process in self.running() if process.is_main], [DAEMON])
        self.install()
        self.assertEqual(self.product.calls, ["prove"])

    def test_the_data_is_used_in_the_new_place_and_kept_in_the_former(self) -> None:
        self.product.calls.clear()
        self.migrate("two")
        self.assertEqual(self.product.calls[:5], ["claim", "ready", "rehearse", "copy", "adopt"])
        self.assertEqual(self.product.calls[-3:], ["prove", "know", "finish"])
        self.assertEqual((self.instance / "data" / "one").read_text(), "kept")
        self.assert_served_from("two")
        self.product.calls.clear()
        self.migrate("two")
        self.assertEqual(self.product.calls, [])

    def test_after_any_failure_the_former_place_is_used_again(self) -> None:
        for step in ("rehearse", "copy", "adopt", "check", "know"):
            with self.subTest(step=step):
                self.product.failing = {step}
                self.fails_and_serves(step)

    def fails_and_serves(self, step: str) -> None:
        if step == "check":
            # The second time it is the rollback.
            self.product.check_configuration = self.once(step)  # type: ignore[assignment,method-assign]
        self.fails_to_migrate(Exit.ROLLED_BACK, "two")
        self.product.failing = set()
        self.assert_served_from("one")

    def once(self, step: str) -> Callable[[Site], None]:
        def check(site: Site) -> None:
            if step in self.product.failing:
                self.product.failing = set()
                raise Failure(Exit.NEEDS_PERSON, Problem(f"{step} failed"))

        return check

    def test_an_unusable_place_stops_nothing(self) -> None:
        before = self.running()
        self.product.failing = {"claim"}
        with self.assertRaises(Failure):
            self.migrate("two")
        self.assertEqual(self.running(), before)
        problem = self.fails_to_migrate(Exit.PREFLIGHT, "nowhere").problems[0]
        self.assertIn("no data that can be migrated", problem.what)

    def test_interrupted_at_any_journal_line_it_is_finished_by_the_next_run(self) -> None:
        self.migrate("two")
        lines = len((self.instance / "journal").read_text().splitlines())
        self.assertGreater(lines, 8)
        places = ["one", "two"]
        for line in range(1, lines):
            with self.subTest(line=line):
                with cut_at(line), self.assertRaises(Cut):
                    self.migrate(places[0])
                switched = '"switch"' in (self.instance / "journal").read_text()
                if switched:
                    with self.assertRaises(Failure) as caught, quiet():
                        install.install(self.session("install"))
                    self.assertIn("migrate-database --to", caught.exception.problems[0].hint)
                self.migrate(places[0])
                self.assert_served_from(places[0])
                places.reverse()

    def test_interrupted_before_the_switch_an_install_uses_the_former_place(self) -> None:
        for line in range(1, 5):
            with cut_at(line), self.assertRaises(Cut):
                self.migrate("two")
            self.install()
            self.assert_served_from("one")


if __name__ == "__main__":
    unittest.main()
