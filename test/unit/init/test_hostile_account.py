"""Root's commands on an instance whose account is hostile, with the small product of the install tests."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_product import DATA, end
from installer.commands import backup, control, maintain, restore, uninstall
from installer.commands.uninstall import Wish
from installer.engine import diagnosis
from installer.errors import Exit, Failure
from installer.state import archive
from product_site import ProductTest, quiet

#: Seconds in which every command ends, whatever the account has done.
LIMIT = 20


@unittest.skipUnless(os.geteuid() == 0, "only root has accounts to fear")
class HostileAccountTest(ProductTest):
    def setUp(self) -> None:
        super().setUp()
        self.canary = self.directory / "canary"
        self.canary.mkdir()
        for name in ("0", "1", "file.log", "conf"):
            (self.canary / name).write_text("root's\n")
        self.before = self.state()
        self.install("--host", "10.0.0.1")
        self.uid = (self.instance / "log").stat().st_uid
        self.assertNotEqual(self.uid, 0)
        keys = self.instance / "keys" / "fernet"
        keys.mkdir(mode=0o700)
        for name in ("0", "1"):
            (keys / name).write_text("key")
            os.chown(keys / name, self.uid, self.uid)
        os.chown(keys, self.uid, self.uid)
        self.saved = self.directory / "saved.tar.gz"
        with quiet():
            backup.backup(self.session("backup"), str(self.saved))
        signal.alarm(0)

    def state(self) -> dict[str, tuple[int, int, int, str]]:
        return {
            path.name: (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode, path.read_text())
            for path in self.canary.iterdir()
        }

    def plant(self, path: Path, what: str) -> None:
        """Puts something hostile in the place of `path`, as the account might."""
        with contextlib.suppress(FileNotFoundError):
            path.rename(self.directory / f"aside-{os.urandom(4).hex()}")
        source = self.canary / ("file.log" if path.suffix == ".log" else "0")
        match what:
            case "link to a directory":
                path.symlink_to(self.canary)
            case "link to a file":
                path.symlink_to(source)
            case "second name":
                os.link(source, path)
            case "pipe":
                os.mkfifo(path)
            case "directory":
                path.mkdir()
            case "holes":
                with open(path, "wb") as file:
                    file.truncate(1 << 40)
        os.chown(path, self.uid, self.uid, follow_symlinks=False) if what != "second name" else None

    def ends(self, command: str) -> Failure | OSError | None:
        """Runs a command; what it failed with. It must end in time, and leave what is root's alone."""

        def late(*_: object) -> None:
            raise AssertionError(f"{command} hangs")

        signal.signal(signal.SIGALRM, late)
        signal.alarm(LIMIT)
        found: Failure | OSError | None = None
        try:
            with quiet():
                COMMANDS[command](self)
        except (Failure, OSError) as error:
            found = error
        finally:
            signal.alarm(0)
        self.assertEqual(self.state(), self.before, command)
        return found

    targets = (
        "log/daemon.log",
        "log/inner",
        "keys/fernet",
        "keys/fernet/0",
        "keys/new",
        "tmp/backup",
        "tmp/lock",
        "run/x",
    )
    plants = ("link to a directory", "link to a file", "second name", "pipe", "directory", "holes")

    def test_no_file_of_roots_is_changed_and_no_pipe_waited_for(self) -> None:
        for number, command in enumerate(COMMANDS):
            for turn in range(2):
                # Every command and every place is combined with every plant, but not all three with each other.
                with self.subTest(command=command, turn=turn):
                    for index, place in enumerate(self.targets):
                        what = self.plants[(index + number + 3 * turn) % len(self.plants)]
                        if not (self.instance / place).parent.is_symlink() and (self.instance / place).parent.is_dir():
                            self.plant(self.instance / place, what)
                    if turn == 1:
                        # The command reads what a stopped daemon left, and starts a new log.
                        end(self.running())
                    self.ends(command)
                    self.repair()

    def repair(self) -> None:
        """Restores the instance to its state after the install."""
        end(self.running())
        for path in (*self.directory.glob("aside-*"), self.instance):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.is_symlink() or path.exists():
                path.unlink()
        for path in self.directory.glob("*.tar.gz"):
            if path != self.saved:
                path.unlink()
        with quiet():
            restore.restore(self.session("restore", str(self.saved)), str(self.saved))

    def test_no_file_of_roots_gets_into_a_backup(self) -> None:
        for what in ("link to a directory", "second name", "link to a file"):
            self.plant(self.instance / "keys" / "stolen", what)
            target = self.directory / f"{what}.tar.gz"
            with quiet():
                backup.backup(self.session("backup"), str(target))
            self.assertFalse(b"root's" in gzip.decompress(target.read_bytes()), what)
            (self.instance / "keys" / "stolen").rename(self.directory / f"aside-{what}")

    def test_no_daemon_is_started_that_would_wait_for_a_pipe(self) -> None:
        for place in ("log/inner.log", "keys/fernet/0"):
            self.plant(self.instance / place, "pipe")
            for command in ("stop", "start"):
                failure = self.ends(command)
            assert isinstance(failure, Failure)
            self.assertEqual(
                (failure.exit_code, failure.problems[0].where), (Exit.NEEDS_PERSON, str(self.instance / place))
            )
            (self.instance / place).unlink()
        self.assertIsNone(self.ends("start"))

    def test_a_restore_writes_nothing_through_a_link(self) -> None:
        self.plant(self.instance / "keys" / "fernet", "link to a directory")
        self.assertIsNotNone(self.ends("restore"))
        self.assertEqual((self.instance / DATA).read_text(), "10.0.0.1")

    def test_a_name_that_no_archive_may_hold_is_skipped_and_reported(self) -> None:
        (self.instance / "keys" / "a\nb").write_text("key")
        target = self.directory / "odd.tar.gz"
        with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(io.StringIO()):
            backup.backup(self.session("backup"), str(target))
        self.assertIn("some files are not in the backup", told.getvalue())
        archive.read(str(target))

    def test_the_account_maintains_its_keys_and_logs_but_not_beside_root(self) -> None:
        account = self.session("maintain").site().account
        # Loads a module now: Python may be in a directory that only root can read.
        time.strptime("2026", "%Y")

        def upkeep() -> None:
            with quiet():
                maintain.maintain(self.session("maintain"))

        account.run(upkeep)
        with self.session("stop").exclusive(), self.assertRaises(Failure) as caught:
            account.run(upkeep)
        self.assertEqual(caught.exception.exit_code, Exit.LOCKED)
        with self.assertRaises(Failure) as caught:
            account.run(self.stop)
        self.assertEqual(caught.exception.exit_code, Exit.PREFLIGHT)
        self.assertEqual(caught.exception.problems[0].hint, "run bootstrap as root")

    def test_a_restored_receipt_can_be_read_by_the_account(self) -> None:
        session = self.session("restore", str(self.saved))
        site = session.site()
        with quiet():
            restore.stage(session, site, archive.read(str(self.saved)))
        status = (self.instance / "restoring" / "receipt.json").stat()
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (0, site.account.gid, 0o640))

    def stop(self) -> None:
        with quiet():
            control.stop(self.session("stop"))

    def test_an_instance_that_others_may_change_is_not_followed(self) -> None:
        change: Callable[[], None]
        for change in (lambda: os.chown(self.instance, self.uid, self.uid), lambda: self.instance.chmod(0o757)):
            change()
            failure = self.ends("status")
            assert isinstance(failure, Failure)
            self.assertEqual(failure.exit_code, Exit.PREFLIGHT)
            os.chown(self.instance, 0, self.uid)
            self.instance.chmod(0o750)
        self.ends("stop")

    def test_a_receipt_or_a_journal_that_leads_elsewhere_is_refused(self) -> None:
        document = json.loads((self.instance / "receipt.json").read_text())
        facts = {"sha256": hashlib.sha256(b"root's\n").hexdigest(), "mode": "0640"}
        hostile: list[dict[str, Any]] = [
            {"files": {name: facts}}
            for name in (
                "../../canary/0",
                str(self.canary / "0"),
                "/etc/systemd/system/../x.service",
                "lock",
                "backups/x",
            )
        ]
        hostile += [{"previous": {"backup": "../saved.tar.gz"}}, {"account": {"name": "root", "uid": 0, "gid": 0}}]
        for change in hostile:
            (self.instance / "receipt.json").write_text(json.dumps({**document, **change}))
            for command in ("install", "uninstall", "status"):
                failure = self.ends(command)
                assert isinstance(failure, Failure)
                self.assertEqual(failure.exit_code, Exit.NEEDS_PERSON)
        (self.instance / "receipt.json").write_text(json.dumps(document))
        begin = {"event": "begin", "time": "", "operation": "install", "answers": {}, "pid": 1}
        for entry in (
            {"event": "step", "step": "write", "path": "../../canary/0", "sha256": facts["sha256"]},
            {"event": "step", "step": "switch", "backup": "../saved.tar.gz"},
        ):
            (self.instance / "journal").write_text(json.dumps(begin) + "\n" + json.dumps(entry) + "\n")
            failure = self.ends("uninstall")
            assert isinstance(failure, Failure)
            self.assertEqual(failure.exit_code, Exit.NEEDS_PERSON)

    def test_hostile_archives_are_refused(self) -> None:
        saved = archive.read(str(self.saved))
        good = dict.fromkeys(("etc/conf", DATA), b"x")
        for name in (
            "../x",
            "/etc/x",
            "etc/../../x",
            "etc/a\nb",
            "etc/\x1b[2J",
            "journal",
            "lock",
            "backups/x",
            "log/x",
        ):
            self.refuses({**good, name: b"x"}, saved.receipt, name)
        self.refuses(good, saved.receipt, "size", size=-1)
        self.refuses({**good, "etc/large": b"x" * 100}, saved.receipt, "smaller", size=10)
        self.refuses(good, saved.receipt, "mode", mode=0o4755)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            self.refuses(good, saved.receipt, kind.decode(), kind=kind)

    def refuses(self, content: dict[str, bytes], receipt: bytes, what: str, **change: Any) -> None:
        """Applies `change` to every file except the receipt; restore must refuse the backup."""
        path = self.directory / "hostile.tar.gz"
        members = {"receipt.json": receipt, **content}
        rows = [
            {"path": name, "mode": 0o600, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            | ({} if name == "receipt.json" else {key: change[key] for key in ("size", "mode") if key in change})
            for name, data in members.items()
        ]
        manifest = json.dumps({"format": 1, "files": rows}).encode()
        with tarfile.open(path, "w:gz") as tar:
            for name, data in {"manifest.json": manifest, **members}.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                if "kind" in change and name in content:
                    member.type, member.size, member.linkname = change["kind"], 0, "/etc/passwd"
                tar.addfile(member, io.BytesIO(data))
        with self.subTest(what), self.assertRaises(Failure) as caught, quiet():
            restore.restore(self.session("restore", str(path)), str(path))
        self.assertEqual(caught.exception.exit_code, Exit.INTEGRITY, caught.exception)
        self.assertEqual(self.state(), self.before)

    def test_no_file_of_a_backup_is_writable_for_others(self) -> None:
        saved = archive.read(str(self.saved))
        entries = {path: archive.Entry(path, 0o666, entry.size, entry.sha256) for path, entry in saved.entries.items()}
        target = self.directory / "out"
        target.mkdir()
        archive.extract(archive.Archive(saved.path, {}, entries, b""), str(target), lambda _: None)
        self.assertEqual({path.stat().st_mode & 0o022 for path in target.rglob("*")}, {0})


#: Each as the command line would call it.
COMMANDS: dict[str, Callable[[HostileAccountTest], object]] = {
    "start": lambda self: control.start(self.session("start")),
    "restart": lambda self: control.restart(self.session("restart")),
    "status": lambda self: diagnosis.find_faults(self.session("status"), self.session("status").site()),
    "maintain": lambda self: maintain.maintain(self.session("maintain")),
    "install": lambda self: self.install("--host", "10.0.0.2"),
    "backup": lambda self: backup.backup(self.session("backup"), None),
    "restore": lambda self: restore.restore(self.session("restore", str(self.saved)), str(self.saved)),
    "stop": lambda self: control.stop(self.session("stop")),
    "uninstall": lambda self: uninstall.uninstall(self.session("uninstall"), Wish()),
    "purge": lambda self: uninstall.uninstall(self.session("uninstall"), Wish(purge=True, yes=True)),
}


if __name__ == "__main__":
    unittest.main()
