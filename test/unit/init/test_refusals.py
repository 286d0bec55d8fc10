"""For what reason Keystone's processes count a refused token. Keystone, its database and its requests are real."""

from __future__ import annotations

import unittest

import keystone_in_process
import support

#: Prints the reasons that each of its requests adds, as JSON.
_SCRIPT = r"""
import json, os, time, uuid
import keystone_in_process as keystone
from keystone_in_process import ADMIN, ask, login, token

keystone.start()
from keystone.conf import CONF
from ksbundle_keystone import meter, responses, slots

os.mkdir("slots")
keystone.application = meter.measure(responses.complete(keystone.application), os.path.abspath("slots"))
admin = token(scope=ADMIN)

def make(kind, **facts):
    return keystone.make(admin, kind, **facts)

def counted():
    ((numbers, _),) = slots.read("slots")
    return {reason: numbers[slots.PLACE[name]] for reason, name in slots.REFUSED.items()}

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
        self.assertEqual(keystone_in_process.run(self, _SCRIPT, self.directory), FOUND)


if __name__ == "__main__":
    unittest.main()
