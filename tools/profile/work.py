"""The work that CPython's profile is made of: Keystone's requests, and what else the bundle's Python does.

Run as the service's account, beside wsgi_client.py: `python3 -I -S work.py SITE_PACKAGES SCRIPT` with the administrator's
password on standard input, while the instance's cache runs. The requests and their numbers are the weights: validating tokens is what Keystone
does most.
"""

from __future__ import annotations

import email
import json
import marshal
import os
import runpy
import sys
from pathlib import Path
from typing import Any

ROUNDS = 20


class Keystone:
    """Calls the WSGI application of an instance in this process, without a server."""

    def __init__(self, script: str) -> None:
        self.application = runpy.run_path(script)["application"]
        self.token = ""

    def ask(
        self, method: str, path: str, status: int, body: object = None, **fields: str
    ) -> tuple[dict[str, str], Any]:
        """A request with the current token. Ends the program if the answer's status is another one."""
        from wsgi_client import call

        sent = b"" if body is None else json.dumps(body).encode()
        own = {"HTTP_X_AUTH_TOKEN": self.token} if self.token else {}
        found, headers, content = call(self.application, method, path, sent, **{**own, **fields})
        if found != status:
            sys.exit(f"{method} {path}: {found} {content!r}")
        return headers, json.loads(content) if content else None

    def log_in(self, name: str, password: str, project: str, status: int = 201) -> str:
        """A token for a project of the default domain."""
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        scope = {"project": {"name": project, "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        token, self.token = self.token, ""
        try:
            answer, _ = self.ask("POST", "/v3/auth/tokens", status, {"auth": {"identity": identity, "scope": scope}})
        finally:
            self.token = token
        return answer.get("x-subject-token", "")


def serve(script: str, password: str) -> None:
    """A user of a new project in each round: logs in, is validated, and is deleted."""
    keystone = Keystone(script)
    keystone.token = keystone.log_in("admin", password, "admin")
    roles = keystone.ask("GET", "/v3/roles?name=member", 200)[1]["roles"]
    for number in range(ROUNDS):
        name = f"profile-{number}"
        project = keystone.ask("POST", "/v3/projects", 201, {"project": {"name": name}})[1]["project"]
        secret = {"name": name, "password": f"password {number}"}
        user = keystone.ask("POST", "/v3/users", 201, {"user": secret})[1]["user"]
        grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{roles[0]['id']}"
        keystone.ask("PUT", grant, 204)
        keystone.log_in(name, "not its password", name, 401)
        for _ in range(4):
            subject = keystone.log_in(name, secret["password"], name)
            for _ in range(8):
                keystone.ask("GET", "/v3/auth/tokens", 200, HTTP_X_SUBJECT_TOKEN=subject)
        keystone.ask("GET", "/v3/auth/tokens", 404, HTTP_X_SUBJECT_TOKEN="no token")
        for path in ("users", "projects", "endpoints", "services", "auth/catalog", "role_assignments"):
            keystone.ask("GET", f"/v3/{path}", 200)
        keystone.ask("PATCH", f"/v3/projects/{project['id']}", 200, {"project": {"description": name}})
        keystone.ask("DELETE", "/v3/auth/tokens", 204, HTTP_X_SUBJECT_TOKEN=subject)
        keystone.ask("DELETE", f"/v3/users/{user['id']}", 204)
        keystone.ask("DELETE", f"/v3/projects/{project['id']}", 204)


def compile_modules() -> None:
    """Compiles a package of the standard library, as a build does, and loads the byte code, as every start does."""
    for file in Path(email.__file__).parent.glob("*.py"):
        for _ in range(5):
            code = marshal.dumps(compile(file.read_bytes(), file.name, "exec"))
            for _ in range(20):
                marshal.loads(code)


def main() -> None:
    site_packages, script = sys.argv[1:]
    sys.path += [site_packages, os.path.dirname(os.path.abspath(__file__))]
    serve(script, sys.stdin.read().strip())
    compile_modules()


if __name__ == "__main__":
    main()
