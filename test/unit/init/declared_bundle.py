"""A bundle of two services without any code for the installer: `store` keeps a word behind a socket, `web` serves it
over TCP, with a title. Their programs are real."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import support

#: A Python that the service's account can run, too: root's may be where no other user has access.
PYTHON = sys.executable if os.geteuid() else shutil.which("python3", path="/usr/bin:/bin")

ANSWERS: list[dict[str, Any]] = [
    {"name": "host", "type": "host", "default": "127.0.0.1", "help": "Address"},
    {"name": "port", "type": "host-port", "default": "8080", "help": "Port"},
    {"name": "title", "type": "string", "default": "Hello", "help": "Title"},
]

STORE: dict[str, Any] = {
    "name": "store",
    "summary": "Keeps a word",
    "hooks": False,
    "daemons": [
        {
            "name": "store",
            "run": ["bin/store", "socket", "${secrets.keys/store}"],
            "files": [],
            "ready": {"socket": "run/store/socket"},
            "environment": {"WORD": "kept"},
        }
    ],
    "secrets": [{"path": "keys/store", "bytes": 16}],
    "needs": [],
    "provides": {"socket": "${instance}/run/store/socket"},
}

WEB: dict[str, Any] = {
    "name": "web",
    "summary": "Tells it",
    "hooks": False,
    "listeners": [{"answer": "port", "protocol": "tcp"}],
    "directories": [{"path": "etc/web", "mode": "0750", "writable": False}],
    "files": [
        {"path": "etc/web/web.conf", "template": "web.conf", "secret": False, "for": "service"},
        {"path": "web.txt", "template": "web.txt", "secret": False, "for": "operator"},
    ],
    "daemons": [
        {
            "name": "web",
            "run": ["bin/web", "${instance}/etc/web/web.conf", "${listeners.port.host}", "${listeners.port.port}"],
            "reload": "SIGHUP",
            "files": ["etc/web/web.conf"],
            "check": ["bin/web", "--check", "${instance}/etc/web/web.conf"],
            "ready": {"listener": "port"},
            "environment": {"DOLLAR": "$${x}"},
            "memory": 64,
            "logs": ["log/web-own.log"],
        }
    ],
    "data": {
        "sqlite": ["data/web.db"],
        "directories": ["data/files", "data/images"],
        "bulky": ["data/images"],
        "prepare": ["bin/web-manage", "prepare"],
        "upgrade": ["bin/web-manage", "upgrade", "${data}"],
    },
    "secrets": [],
    "proofs": [{"send": "PING\n", "expect": "PONG ${answers.title} kept"}],
    "needs": ["store"],
    "provides": {},
}

TEMPLATES = {
    "web.conf": "@{answers.title}\n@{needs.store.socket}\n",
    "web.txt": "@{name} at port @{listeners.port.port}\n",
}

PROGRAMS = {
    "store": """
import contextlib, os, socket, sys
assert len(open(sys.argv[2]).read()) == 33
if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
while True:
    connection, _ = server.accept()
    with connection, contextlib.suppress(BrokenPipeError):
        connection.sendall(os.environ["WORD"].encode())
""",
    "web": """
import os, signal, socket, sys
def read(path):
    title, store = open(path).read().splitlines()
    if title == "refused":
        sys.exit("this title is refused")
    return title, store
if sys.argv[1] == "--check":
    read(sys.argv[2])
    sys.exit()
config, host, port = sys.argv[1:]
assert os.environ["DOLLAR"] == "${x}"
known = read(config)
def reload(*_):
    global known
    known = read(config)
signal.signal(signal.SIGHUP, reload)
server = socket.create_server((host, int(port)))
print("serving", flush=True)
while True:
    connection, _ = server.accept()
    with connection, socket.socket(socket.AF_UNIX) as store:
        if not connection.recv(100):
            continue
        store.connect(known[1])
        connection.sendall(b"PONG %s %s" % (known[0].encode(), store.recv(100)))
""",
    "web-manage": """
import os, sqlite3, sys
place = sys.argv[2] if sys.argv[1] == "upgrade" else os.environ["KSB_DATA"]
assert place == os.environ["KSB_DATA"] and os.environ["DOLLAR"] == "${x}"
with sqlite3.connect(os.path.join(place, "web.db")) as database:
    database.execute("CREATE TABLE IF NOT EXISTS made (by TEXT PRIMARY KEY)")
    database.execute("INSERT OR IGNORE INTO made VALUES (?)", [sys.argv[1]])
open(os.path.join(place, "files", sys.argv[1]), "w").close()
""",
}


def make_release(root: Path) -> None:
    """A release of both services."""
    support.make_release(root)
    for name, text in PROGRAMS.items():
        program = root / "bin" / name
        program.write_text(f"#!{PYTHON}\n{text}")
        program.chmod(0o755)
    templates = root / "init" / "services" / "web" / "templates"
    templates.mkdir(parents=True)
    for name, text in TEMPLATES.items():
        (templates / name).write_text(text)
    support.set_bundle(root, name="two", version="1", answers=ANSWERS, services=[STORE, WEB])
    support.seal(root)
