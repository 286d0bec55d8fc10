"""Databases for tests of their rows: a file, and servers on loopback, of the release's or this host's programs."""

from __future__ import annotations

import glob
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from kit_site import RELEASE, free_ports

#: Seconds in which a server must start.
PATIENCE = 60
#: The database, and its administrator.
NAME = "keystone"


def sqlite(test: unittest.TestCase, directory: Path) -> str:
    return f"sqlite:///{directory}/target.db"


def postgresql(test: unittest.TestCase, directory: Path) -> str:
    """Starts a server that ends with the test, and returns the URL of an empty database."""
    programs = _find_postgresql()
    if programs is None:
        test.skipTest("neither the release nor this host has PostgreSQL's server")
    _need_driver(test, "psycopg")
    data, (port,) = _place(directory, "postgresql"), free_ports(1)
    run = [os.path.join(programs, "initdb"), "-D", str(data), "-U", NAME, "-A", "trust", "-E", "UTF8"]
    _prepare(test, [*run, "--locale=C", "--no-sync"])
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    words = [word for name, text in settings.items() for word in ("-c", f"{name}={text}")]
    _start(test, [os.path.join(programs, "postgres"), "-D", str(data), *words])
    ready = [os.path.join(programs, "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", NAME, "postgres"]
    _await([*ready, "-c", f"CREATE DATABASE {NAME}"])
    return f"postgresql+psycopg://{NAME}@127.0.0.1:{port}/{NAME}"


def mariadb(test: unittest.TestCase, directory: Path) -> str:
    """The same for MariaDB."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/bin")
    if server is None or shutil.which("mariadb-install-db") is None:
        test.skipTest("MariaDB's server is not installed")
    _need_driver(test, "pymysql")
    data, (port,) = _place(directory, "mariadb"), free_ports(1)
    # Its script changes its directory, and breaks on spaces in paths.
    with tempfile.TemporaryDirectory(prefix="ksb-") as plain:
        place = os.path.join(plain, "data")
        _give(plain)
        os.symlink(data, place)
        # A server that starts removes the temporary tables that it finds, also those of another one.
        how = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={place}", f"--tmpdir={plain}"]
        _prepare(test, ["mariadb-install-db", "--no-defaults", *how])
    words = [f"--datadir={data}", f"--tmpdir={data.parent}", f"--socket={data}/s", f"--port={port}"]
    _start(test, [server, "--no-defaults", *words, "--bind-address=127.0.0.1"])
    client = ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(port), "-u", "root", "-e"]
    _await([*client, f"CREATE DATABASE {NAME}"])
    return f"mysql+pymysql://root@127.0.0.1:{port}/{NAME}"


def _prepare(test: unittest.TestCase, argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **_account())
    test.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def _find_postgresql() -> str | None:
    """The directory of the server's programs: the release's own first."""
    places = [*sorted(glob.glob("/usr/lib/postgresql/*/bin")), str(RELEASE / "bin")]
    return next((place for place in reversed(places) if os.path.exists(os.path.join(place, "initdb"))), None)


def _need_driver(test: unittest.TestCase, name: str) -> None:
    if importlib.util.find_spec(name) is None:
        test.skipTest(f"this Python has no {name}")


def _account() -> dict[str, Any]:
    """Servers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _place(directory: Path, name: str) -> Path:
    """A directory for a server's data, owned by the account that it runs as."""
    place = directory / name / "data"
    place.mkdir(parents=True)
    _give(str(place.parent))
    _give(str(place))
    return place


def _give(path: str) -> None:
    account = _account()
    if account:
        os.chown(path, account["user"], account["group"])


def _start(test: unittest.TestCase, argv: list[str]) -> None:
    null = subprocess.DEVNULL
    server = subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, cwd="/", **_account())
    test.addCleanup(server.wait)
    test.addCleanup(server.terminate)


def _await(argv: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(done.stderr)
        time.sleep(0.1)
