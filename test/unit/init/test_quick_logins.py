"""What a login no longer does, and that Keystone records and refuses the same. Keystone, its database and its requests
are real."""

from __future__ import annotations

import unittest
from datetime import UTC, datetime
from typing import Any

import keystone_in_process
import support

_PREPARE = r"""
import contextlib, datetime, json, uuid
import keystone_in_process as keystone
from keystone_in_process import ADMIN, ask, login, token

keystone.start()
from ksbundle_keystone import activity, schemas
"""

_ACTIVITY = (
    _PREPARE
    + r"""
import sqlalchemy
from keystone.common import provider_api, sql
from keystone.identity.backends.sql_model import User

activity.write_changes_only()
activity.write_changes_only()
admin = keystone.make(token(scope=ADMIN), "user", name="someone", password="right")
with sql.session_for_read() as session:
    engine = session.get_bind()
statements = []
sqlalchemy.event.listen(
    engine, "before_cursor_execute", lambda connection, cursor, statement, *_: statements.append(statement)
)

def writes():
    statements.clear()
    token(name="someone")
    return "BEGIN IMMEDIATE" in statements

def date():
    with sql.session_for_read() as session:
        return str(session.query(User.last_active_at).filter_by(id=admin).scalar())

def set_date(day):
    with sql.session_for_write() as session:
        session.query(User).filter_by(id=admin).update({"last_active_at": day})

found = {}
for name, day in (("never", None), ("yesterday", datetime.date.today() - datetime.timedelta(days=1))):
    set_date(day)
    found[name] = [writes(), date()]
found["again"] = [writes(), date()]
provider_api.ProviderAPIs.shadow_users_api.set_last_active_at(uuid.uuid4().hex)
print(json.dumps(found))
"""
)

_SCHEMAS = (
    _PREPARE
    + r"""
import jsonschema

BODIES = [
    ("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": "password"}}}),
    ("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": []}, "scope": {"project": 1}}}),
    ("POST", "/v3/users", {"user": {"name": 3}}),
    ("POST", "/v3/projects", {"project": {"name": "x" * 65}}),
    ("POST", "/v3/projects", {"project": {"name": "x", "enabled": "maybe"}}),
    ("POST", "/v3/regions", {"region": {"description": 7}}),
    ("PATCH", "/v3/regions/RegionOne", {"region": {"parent_region_id": 7}}),
]
admin = token(scope=ADMIN)

def answers():
    return [ask(method, path, body, x_auth_token=admin)[::2] for method, path, body in BODIES]

made = []
extend = jsonschema.validators.extend
jsonschema.validators.extend = lambda *arguments, **named: made.append(1) or extend(*arguments, **named)
plain = answers()
each = len(made)
schemas.reuse()
schemas.reuse()
first = answers()
made.clear()
again = answers()
token()
print(json.dumps({"plain": plain, "first": first, "again": again, "each": each, "made": len(made)}))
"""
)


class QuickLoginsTest(support.DirectoryTest):
    def run_script(self, script: str) -> Any:
        return keystone_in_process.run(self, script, self.directory)

    def test_the_day_of_a_login_is_written_only_if_it_differs(self) -> None:
        today = str(datetime.now(UTC).date())
        self.assertEqual(
            self.run_script(_ACTIVITY), {"never": [True, today], "yesterday": [True, today], "again": [False, today]}
        )

    def test_shared_classes_of_validators_refuse_the_same_with_the_same_words(self) -> None:
        found = self.run_script(_SCHEMAS)
        self.assertGreaterEqual(found["each"], len(found["plain"]))
        self.assertEqual(found["made"], 0)
        self.assertEqual({status for status, _ in found["plain"]}, {400})
        self.assertEqual(found["first"], found["plain"])
        self.assertEqual(found["again"], found["plain"])


if __name__ == "__main__":
    unittest.main()
