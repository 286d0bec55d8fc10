"""Keystone in a process of its own, for the tests that look into it: its database and its requests are real, no server
is between. `run` starts a script in a release's Python; the script calls `start` first, in an empty directory."""

from __future__ import annotations

import configparser
import importlib
import json
import os
import subprocess
import sys
import unittest
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CONFIGURATION = """
[DEFAULT]
log_file = keystone.log
[database]
connection = sqlite:///keystone.db
[cache]
enabled = false
[auth]
methods = password,token,totp,application_credential
[fernet_tokens]
key_repository = fernet
[fernet_receipts]
key_repository = fernet
[credential]
key_repository = credential
[security_compliance]
lockout_failure_attempts = 2
lockout_duration = 600
[identity]
password_hash_rounds = 4
"""
PASSWORD = "right"
ADMIN = {"project": {"name": "admin", "domain": {"id": "default"}}}
application: Any = None


def run(test: unittest.TestCase, script: str, directory: Path) -> Any:
    """What the script prints as JSON in its last line."""
    if find_spec("keystone") is None:
        test.skipTest("no release: this Python has no Keystone (KSBUNDLE_TEST_INIT)")
    here = Path(__file__).resolve()
    start = f"import sys; sys.path += {[str(here.parent), str(here.parents[2] / 'support')]}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", start + script], cwd=directory, capture_output=True, text=True, check=False
    )
    test.assertEqual(done.returncode, 0, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def start(changed: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Sets up Keystone in the working directory: the user `admin` has PASSWORD. `changed` has other settings than
    those of CONFIGURATION, by section and name."""
    global application
    fernet: Any = importlib.import_module("cryptography.fernet")
    settings = configparser.RawConfigParser()
    settings.read_string(CONFIGURATION)
    settings.read_dict(changed or {})
    with open("keystone.conf", "w") as file:
        settings.write(file)
    for kind in ("fernet", "credential"):
        os.mkdir(kind, 0o700)
        for number in ("0", "1"):
            Path(kind, number).write_bytes(fernet.Fernet.generate_key())
    sys.argv = ["keystone", "--config-file", "keystone.conf"]
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = os.path.abspath("keystone.conf")
    ksbundle_keystone: Any = importlib.import_module("ksbundle_keystone")
    with ksbundle_keystone.loading():
        bootstrap: Any = importlib.import_module("keystone.cmd.bootstrap")
        upgrades: Any = importlib.import_module("keystone.common.sql.upgrades")
        application = importlib.import_module("keystone.wsgi.api").application
    application = importlib.import_module("ksbundle_keystone.changes").begin_requests(application)
    upgrades.offline_sync_database_to_version()
    # It would load what is loaded.
    bootstrap.backends.load_backends = dict
    maker = bootstrap.Bootstrapper()
    maker.admin_username = maker.project_name = maker.admin_role_name = "admin"
    maker.service_name, maker.region_id, maker.admin_password = "keystone", "RegionOne", PASSWORD
    maker.bootstrap()


def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and the JSON of an answer; `body` is bytes, or an object to be sent as JSON."""
    from wsgi_client import call

    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    status, received, text = call(application, method, path, content, **fields)
    return status, received, json.loads(text) if text else None


def login(
    name: str = "admin", password: str = PASSWORD, scope: Any = None, domain: Any = None, **identity: Any
) -> dict[str, Any]:
    """The body of a request for a token."""
    user = {"name": name, "domain": domain or {"id": "default"}, "password": password}
    identity = identity or {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}


def token(**facts: Any) -> str:
    """A token for the login that the facts describe."""
    status, headers, _ = ask("POST", "/v3/auth/tokens", login(**facts))
    assert status == 201, status
    return headers["x-subject-token"]


def make(admin: str, kind: str, **facts: Any) -> str:
    """The identifier of a new user, project or domain; `admin` is a token."""
    status, _, body = ask("POST", f"/v3/{kind}s", {kind: facts}, x_auth_token=admin)
    assert status == 201, (status, body)
    return str(body[kind]["id"])
