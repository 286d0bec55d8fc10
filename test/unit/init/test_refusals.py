"""For what reason Keystone's processes count a refused token. Keystone, its database and its requests are real."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from importlib.util import find_spec

import support

#: Sets up Keystone in the working directory, and prints the reasons that each of its requests adds, as JSON.
_SCRIPT = r"""
import io, json, os, sys, time, uuid
from cryptography.fernet import Fernet

with open("keystone.conf", "w") as file:
    file.write('''
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
''')
for kind in ("fernet", "credential"):
    os.mkdir(kind, 0o700)
    for number in ("0", "1"):
        with open(f"{kind}/{number}", "xb") as file:
            file.write(Fernet.generate_key())
sys.argv = ["keystone", "--config-file", "keystone.conf"]
os.environ["OS_KEYSTONE_CONFIG_FILES"] = os.path.abspath("keystone.conf")
import ksbundle_keystone

with ksbundle_keystone.loading():
    from keystone.cmd import bootstrap
    from keystone.common import sql
    from keystone.common.sql import upgrades
    from keystone.wsgi.api import application
from keystone.conf import CONF
from ksbundle_keystone import meter, responses, slots

upgrades.offline_sync_database_to_version()
# It would load what is loaded.
bootstrap.backends.load_backends = dict
maker = bootstrap.Bootstrapper()
maker.admin_username = maker.project_name = maker.admin_role_name = "admin"
maker.service_name, maker.region_id, maker.admin_password = "keystone", "RegionOne", "right"
maker.bootstrap()

os.mkdir("slots")
application = meter.measure(responses.complete(application), os.path.abspath("slots"))

def counted():
    ((numbers, _),) = slots.read("slots")
    return {reason: numbers[slots.PLACE[name]] for reason, name in slots.REFUSED.items()}

def ask(method, path, body=None, **headers):
    begun = {}
    def start(status, fields, *_):
        begun.update(status=int(status[:3]), headers={name.lower(): value for name, value in fields})
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "5000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:5000",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content),
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": False,
        "wsgi.multiprocess": True, "wsgi.run_once": False,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    text = b"".join(application(environ, start))
    return begun["status"], begun["headers"], json.loads(text) if text else None

def login(name="admin", password="right", scope=None, domain=None, **identity):
    user = {"name": name, "domain": domain or {"id": "default"}, "password": password}
    identity = identity or {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}

def token(**facts):
    status, headers, _ = ask("POST", "/v3/auth/tokens", login(**facts))
    assert status == 201, status
    return headers["x-subject-token"]

ADMIN = {"project": {"name": "admin", "domain": {"id": "default"}}}
admin = token(scope=ADMIN)

def make(kind, **facts):
    status, _, body = ask("POST", f"/v3/{kind}s", {kind: facts}, x_auth_token=admin)
    assert status == 201, (status, body)
    return body[kind]["id"]

def tell(method, path, body=None, **headers):
    before = counted()
    status, _, _ = ask(method, path, body, **headers)
    after = counted()
    return [status, *(reason for reason, number in after.items() for _ in range(int(number - before[reason])))]

def of(**facts):
    return tell("POST", "/v3/auth/tokens", login(**facts))

make("user", name="disabled", password="right", enabled=False)
make("user", name="locked", password="right")
closed = make("domain", name="closed", enabled=False)
two = [["password", "totp"]]
make("user", name="two", password="right", options={"multi_factor_auth_enabled": True, "multi_factor_auth_rules": two})
other = make("project", name="other")
CONF.set_override("change_password_upon_first_use", True, "security_compliance")
make("user", name="expired", password="right")
CONF.set_override("change_password_upon_first_use", False, "security_compliance")
found = {}
found["issued"] = of()
found["wrong password"] = of(password="wrong")
found["unknown user"] = of(name="nobody")
found["unknown domain"] = of(domain={"name": "no"})
found["locked"] = [of(name="locked", password="wrong"), of(name="locked", password="wrong"), of(name="locked")]
found["disabled"] = of(name="disabled")
found["disabled domain"] = of(domain={"id": closed})
found["expired password"] = of(name="expired")
found["one of two methods"] = of(name="two")
user = {"name": "two", "domain": {"id": "default"}, "passcode": "000000"}
found["wrong passcode"] = of(methods=["totp"], totp={"user": user})
found["unknown method"] = of(methods=["magic"], magic={})
for name, facts in (
    ("unknown credential", {"id": uuid.uuid4().hex}),
    ("unknown credential's user", {"name": "x", "user": {"name": "nobody", "domain": {"id": "default"}}}),
):
    credential = {"secret": "x", **facts}
    found[name] = of(methods=["application_credential"], application_credential=credential)
found["unknown project"] = of(scope={"project": {"id": uuid.uuid4().hex}})
found["disabled project's domain"] = of(scope={"domain": {"id": closed}})
make("user", name="other", password="right")
found["no role"] = of(name="other", scope={"project": {"id": other}})
found["no object"] = tell("POST", "/v3/auth/tokens", {"auth": {}})
found["no JSON"] = tell("POST", "/v3/auth/tokens", b"{")
found["valid token"] = tell("GET", "/v3/auth/tokens", x_auth_token=admin, x_subject_token=token())
found["no token"] = tell("GET", "/v3/users")
found["garbage presented"] = tell("GET", "/v3/users", x_auth_token="garbage")
found["garbage asked about"] = tell("GET", "/v3/auth/tokens", x_auth_token=admin, x_subject_token="garbage")
revoked = token()
tell("DELETE", "/v3/auth/tokens", x_auth_token=admin, x_subject_token=revoked)
found["revoked"] = tell("HEAD", "/v3/auth/tokens", x_auth_token=admin, x_subject_token=revoked)
found["revoked, for another"] = of(methods=["token"], token={"id": revoked})
CONF.set_override("expiration", 1, "token")
expired = token()
time.sleep(1.1)
found["expired"] = tell("GET", "/v3/auth/tokens", x_auth_token=admin, x_subject_token=expired)
found["expired, presented"] = tell("GET", "/v3/users", x_auth_token=expired)
os.rename("keystone.db", "away")
found["no database"] = of(password="wrong")
print(json.dumps(found))
"""
#: What the script is to find: the status, and the reasons.
FOUND = {
    "issued": [201],
    "wrong password": [401, "credentials"],
    "unknown user": [401, "credentials"],
    "unknown domain": [401, "credentials"],
    "locked": [[401, "credentials"], [401, "credentials"], [401, "locked"]],
    "disabled": [401, "disabled"],
    "disabled domain": [401, "disabled"],
    "expired password": [401, "password_expired"],
    "one of two methods": [401, "insufficient"],
    "wrong passcode": [401, "credentials"],
    "unknown method": [401, "method"],
    "unknown credential": [404, "credentials"],
    "unknown credential's user": [404, "credentials"],
    "unknown project": [401, "scope"],
    "disabled project's domain": [401, "scope"],
    "no role": [401, "scope"],
    "no object": [400, "malformed"],
    "no JSON": [400, "malformed"],
    "valid token": [200],
    "no token": [401],
    "garbage presented": [401, "token_invalid"],
    "garbage asked about": [404, "token_invalid"],
    "revoked": [404, "token_revoked"],
    "revoked, for another": [404, "token_revoked"],
    "expired": [404, "token_expired"],
    "expired, presented": [401, "token_expired"],
    "no database": [503],
}


class RefusalsTest(support.DirectoryTest):
    def test_every_refusal_has_its_reason(self) -> None:
        if find_spec("keystone") is None:
            self.skipTest("no release: this Python has no Keystone (KSBUNDLE_TEST_INIT)")
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", _SCRIPT], cwd=self.directory, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1]), FOUND)


if __name__ == "__main__":
    unittest.main()
