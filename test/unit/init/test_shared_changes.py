"""Whether a change at one process of Keystone is seen by the next request of every other. Keystone, its requests and
the database's servers are real; each process has a cache of its own, like a node."""

from __future__ import annotations

import json
import shutil
import unittest
from typing import Any

import database_servers
import keystone_in_process
import support

_PREPARE = r"""
import json, os, sys, threading
import keystone_in_process as keystone
from keystone_in_process import ADMIN, ask, token

def start(several, database="sqlite:///keystone.db"):
    keystone.start({
        "database": {"connection": database},
        "cache": {"enabled": "true", "backend": "oslo_cache.dict"},
        "ksbundle": {"several_nodes": str(several).lower()},
    })

def status(subject, by):
    return ask("GET", "/v3/auth/tokens", x_auth_token=by, x_subject_token=subject)[0]

def revoke(subject, by):
    assert ask("DELETE", "/v3/auth/tokens", x_auth_token=by, x_subject_token=subject)[0] == 204
"""

_NODES = (
    _PREPARE
    + r"""
import multiprocessing
from keystone.common import sql

facts = json.loads(FACTS)
start(facts["several"], facts["database"])
fork = multiprocessing.get_context("fork")
here, there = fork.Pipe()

def project(identifier, by):
    return ask("GET", f"/v3/projects/{identifier}", x_auth_token=by)[2]["project"]["description"]

def describe(identifier, text, by):
    assert ask("PATCH", f"/v3/projects/{identifier}", {"project": {"description": text}}, x_auth_token=by)[0] == 200

def serve():
    here.close()
    with sql.session_for_read() as session:
        session.get_bind().dispose(close=False)
    while True:
        name, arguments = there.recv()
        there.send(globals()[name](*arguments))

other = fork.Process(target=serve, daemon=True)
other.start()
there.close()

def at_other(name, *arguments):
    here.send((name, arguments))
    return here.recv()

admin, subject = token(scope=ADMIN), token()
identifier = keystone.make(admin, "project", name="p", domain_id="default", description="old")
before = [at_other("status", subject, admin), at_other("project", identifier, admin)]
revoke(subject, admin)
describe(identifier, "new", admin)
after = [at_other("status", subject, admin), at_other("project", identifier, admin)]
statements = []
with sql.session_for_read() as session:
    import sqlalchemy
    sqlalchemy.event.listen(session.get_bind(), "before_cursor_execute", lambda *a: statements.append(a[2]))
for _ in range(2):
    statements.clear()
    status(admin, admin)
cached = [statement for statement in statements if statement != "SELECT 1"]
threads = [
    threading.Thread(target=lambda: [describe(identifier, "at once", admin) for _ in range(5)]) for _ in range(4)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
other.terminate()
print(json.dumps([before, after, cached]))
"""
)

_THREADS = (
    _PREPARE
    + r"""
start(False)
subject, admin, found = token(scope=ADMIN), token(scope=ADMIN), []
turn = [threading.Event(), threading.Event()]

def work():
    found.append(status(subject, subject))
    turn[0].set()
    turn[1].wait()
    found.append(status(admin, subject))

worker = threading.Thread(target=work)
worker.start()
turn[0].wait()
revoke(subject, admin)
turn[1].set()
worker.join()
print(json.dumps(found))
"""
)


class SharedChangesTest(support.DirectoryTest):
    def between_nodes(self, database: str, *, several: bool) -> Any:
        facts = json.dumps({"database": database, "several": several})
        place = self.directory / "nodes"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return keystone_in_process.run(self, f"FACTS = {facts!r}\n{_NODES}", place)

    def test_a_node_sees_what_another_one_changed(self) -> None:
        for start in (database_servers.postgresql, database_servers.mariadb):
            with self.subTest(start.__name__):
                before, after, cached = self.between_nodes(start(self, self.directory), several=True)
                self.assertEqual(before, [200, "old"])
                self.assertEqual(after, [404, "new"])
                self.assertEqual([statement.split()[0] for statement in cached], ["SELECT"], cached)
                self.assertIn("ksbundle_cache", cached[0])

    def test_a_single_node_counts_nothing(self) -> None:
        before, after, cached = self.between_nodes("sqlite:///keystone.db", several=False)
        self.assertEqual(before, [200, "old"])
        self.assertEqual(after, [200, "old"])
        self.assertEqual(cached, [])

    def test_a_thread_forgets_the_values_of_its_last_request(self) -> None:
        self.assertEqual(keystone_in_process.run(self, _THREADS, self.directory), [200, 401])


if __name__ == "__main__":
    unittest.main()
