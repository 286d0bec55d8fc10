"""Which modules may open, name or change files, or signal processes, by themselves, read from the syntax tree.

In some directories of an instance, the service's account may put anything. Only the modules in `OWNERS` access them as
root; all others use these. If another module calls the host directly, `ALLOWED` says why it touches nothing that the
account may have created, or that it runs as the account.
"""

from __future__ import annotations

import ast
import unittest
from collections.abc import Iterator

import support

OWNERS = {f"installer/state/{name}.py" for name in ("boundary", "files", "held", "trees")}

_OS = (
    *(
        "access",
        "chmod",
        "chown",
        "fchmod",
        "fchown",
        "lchown",
        "link",
        "listdir",
        "lstat",
        "makedirs",
        "mkdir",
        "mkfifo",
    ),
    *(
        "open",
        "readlink",
        "remove",
        "removedirs",
        "rename",
        "renames",
        "replace",
        "rmdir",
        "scandir",
        "stat",
        "statvfs",
    ),
    *("symlink", "truncate", "unlink", "utime", "walk", "fwalk", "getxattr", "setxattr", "execv", "execve"),
    *("path.exists", "path.lexists", "path.isfile", "path.isdir", "path.islink", "path.ismount", "path.getsize"),
    *("path.getmtime", "path.samefile", "path.realpath"),
)
FORBIDDEN = {
    "open",
    "io.open",
    *(f"os.{name}" for name in (*_OS, "kill", "killpg")),
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move", "rmtree", "chown", "disk_usage")),
    *("glob.glob", "glob.iglob", "tarfile.open", "gzip.open", "sqlite3.connect", "socket.connect", "pathlib.Path"),
    *("tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile"),
}
#: Methods that open files, on any object.
METHODS = {"load_cert_chain", "load_verify_locations", "extractall", "extract", "read_text", "read_bytes", "write_text"}

_PROC = "files of the kernel"
_RELEASE = "a release, which nobody writes to"
_AS_ACCOUNT = "done as the service's account"
_OPERATOR = "a file that the operator names"
_NAMES_ONLY = "looks at directories above the instance"
ALLOWED: dict[str, dict[str, str]] = {
    "installer/host/accounts.py": {
        "os.path.exists": "programs of the host",
        "os.path.realpath": "programs of the host",
    },
    "installer/manager/guards.py": {
        "open": _PROC,
        "os.path.exists": _PROC,
        "os.path.isdir": "the host's settings",
        "os.getxattr": "labels of directories that are root's",
    },
    "installer/answers/answers.py": {"open": _OPERATOR},
    "installer/state/archive.py": {
        "open": "a backup that the operator names",
        "tarfile.open": "a stream that is open already",
    },
    "installer/bundle/render.py": {"open": _RELEASE},
    "installer/commands/backup.py": {"os.access": "the directory that the operator names"},
    "installer/manager/boot_time.py": {"glob.glob": "the host's settings"},
    "installer/host/capability.py": {"open": _PROC},
    "installer/cli.py": {"os.path.realpath": _RELEASE},
    "installer/host/deputy.py": {"open": _PROC, "os.listdir": _PROC, "os.kill": "its own child"},
    "installer/host/limits.py": {"open": _PROC, "os.path.exists": _PROC},
    "installer/commands/install.py": {"os.path.realpath": _NAMES_ONLY},
    "installer/state/lock.py": {
        "open": _PROC,
        "os.open": "the lock, in the instance's own directory, which is root's",
        "os.stat": _PROC,
        "os.lstat": "the lock",
        "os.unlink": "the lock",
        "os.fchmod": "the lock",
        "os.fchown": "the lock",
        "os.rename": "the lock",
    },
    "installer/host/logs.py": dict.fromkeys(
        ("open", "os.open", "os.stat", "os.lstat", "os.walk", "os.listdir", "os.rename"), _AS_ACCOUNT
    )
    | {"os.path.lexists": _AS_ACCOUNT, "os.path.getsize": _AS_ACCOUNT},
    "installer/host/log_lines.py": dict.fromkeys(("os.open", "os.lstat"), _AS_ACCOUNT),
    "installer/state/move.py": dict.fromkeys(
        ("open", "os.open", "os.access", "os.path.isdir", "os.path.islink"), _NAMES_ONLY
    )
    | {"os.symlink": _RELEASE},
    "installer/host/network.py": {"open": _PROC, "os.listdir": _PROC, "os.readlink": _PROC},
    "installer/engine/place.py": {"os.path.samefile": _NAMES_ONLY},
    "installer/engine/preflight.py": {
        "os.access": "asked as the service's account, or of directories above the instance",
        "os.path.realpath": _NAMES_ONLY,
        "os.stat": _NAMES_ONLY,
        "os.statvfs": _NAMES_ONLY,
    },
    "installer/state/ownership.py": {"open": _PROC, "os.lstat": _NAMES_ONLY},
    "installer/host/strays.py": {
        "open": _PROC,
        "os.stat": "files of the kernel, and programs of a release",
        "os.readlink": _PROC,
        "os.path.realpath": _NAMES_ONLY,
    },
    "installer/host/processes.py": {"open": _PROC, "os.stat": _PROC, "os.readlink": _PROC, "os.listdir": _PROC}
    | {"os.kill": "a process whose owner was looked at"},
    "installer/state/release.py": dict.fromkeys(
        ("open", "os.lstat", "os.scandir", "os.readlink", "os.path.exists", "os.path.realpath"), _RELEASE
    ),
    "installer/report.py": {"open": "the null device", "os.open": "the null device"},
    "installer/commands/restore.py": {"archive.extract": "into a directory of root's own"},
    "installer/manager/sandbox.py": {"os.path.realpath": _NAMES_ONLY},
    "installer/engine/session.py": {"os.path.islink": _RELEASE, "os.readlink": _RELEASE, "os.path.realpath": _RELEASE},
    "installer/host/space.py": {"os.stat": "directories of the instance's own", "os.statvfs": "the same"},
    "installer/manager/systemd.py": {"os.path.isdir": "the host's settings"},
    "installer/commands/uninstall.py": {"os.path.realpath": _NAMES_ONLY, "os.path.islink": _NAMES_ONLY},
    "installer/manager/units.py": {"os.path.islink": "the host's directory of units"},
    "installer/commands/upgrade_check.py": {"os.path.realpath": _NAMES_ONLY},
    "installer/kit/data/sqlite.py": {"os.open": _AS_ACCOUNT, "os.fchmod": _AS_ACCOUNT, "sqlite3.connect": _AS_ACCOUNT},
    "installer/kit/data/tree_copy.py": dict.fromkeys(
        ("os.access", "os.fchmod", "os.link", "os.listdir", "os.lstat", "os.mkdir", "os.open", "os.readlink"),
        _AS_ACCOUNT,
    )
    | dict.fromkeys(("os.symlink", "os.utime", "os.walk"), _AS_ACCOUNT),
    "services/keystone/boot.py": dict.fromkeys(
        ("open", "os.open", "os.listdir", "os.mkdir", "os.rename", "os.unlink", "os.path.exists"), _AS_ACCOUNT
    )
    | {"os.path.isdir": _AS_ACCOUNT, "shutil.rmtree": _AS_ACCOUNT, "shutil.copy2": _AS_ACCOUNT},
    "services/keystone/keys.py": {"os.lstat": _AS_ACCOUNT, "os.stat": _AS_ACCOUNT, "os.listdir": _AS_ACCOUNT},
    "installer/kit/secret_file.py": {"open": _OPERATOR, "os.open": _OPERATOR},
    "installer/kit/pem.py": {"os.path.exists": _OPERATOR},
    "installer/kit/pair.py": {
        "os.path.exists": "the release's list of authorities",
        "context.load_cert_chain": "copies that lie on no disk",
        "context.load_verify_locations": "content, or the release's list of authorities",
    },
    "installer/kit/modules/ksbundle_door.py": {"open": _AS_ACCOUNT, "os.stat": _AS_ACCOUNT},
    "installer/kit/readiness.py": {"os.open": _AS_ACCOUNT},
    "installer/kit/uwsgi.py": {"open": _PROC, "os.open": _AS_ACCOUNT},
}


def calls(source: str) -> Iterator[tuple[str, int]]:
    """Forbidden functions that a module calls or passes on, under any imported name, with their lines."""
    tree = ast.parse(source)
    names: dict[str, str] = {"open": "open"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(
                {
                    alias.asname or _first(alias.name): alias.name if alias.asname else _first(alias.name)
                    for alias in node.names
                }
            )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner and isinstance(node.ctx, ast.Load):
            name = _name(node, names)
            if name in FORBIDDEN or (isinstance(node, ast.Attribute) and node.attr in METHODS):
                yield name, node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "__import__"):
            target = _name(node.args[0], names) if node.args else ""
            if target in ("os", "shutil", "os.path") or node.func.id == "__import__":
                yield f"{node.func.id}({target})", node.lineno


def _first(name: str) -> str:
    return name.partition(".")[0]


def _name(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


def modules() -> Iterator[str]:
    """Modules that the installer loads; those of a service in `site-packages` run as the account."""
    for path in sorted(support.INIT.rglob("*.py")):
        if "site-packages" not in path.parts:
            yield str(path.relative_to(support.INIT))


class PathsTest(unittest.TestCase):
    def test_only_modules_with_a_reason_touch_files_directly(self) -> None:
        found: list[str] = []
        for module in set(modules()) - OWNERS:
            allowed = ALLOWED.get(module, {})
            source = (support.INIT / module).read_text(encoding="utf-8")
            found += [f"{module}:{line}: {name}" for name, line in calls(source) if name not in allowed]
        self.assertEqual(sorted(found), [], "use files.py, trees.py or Account.run, or say in ALLOWED why not")

    def test_every_exception_is_used(self) -> None:
        for module, allowed in ALLOWED.items():
            used = {name for name, _ in calls((support.INIT / module).read_text(encoding="utf-8"))}
            self.assertEqual(set(allowed) - used, set(), module)

    def test_planted_violations_are_found(self) -> None:
        for source in (
            "import os\nos.walk(instance.log)",
            "import os\nfor _ in map(os.lstat, paths): pass",
            "import os as host\nhost.chown(path, 0, 0)",
            "from os import chmod\nchmod(path, 0)",
            "from os import unlink as drop\ndrop(path)",
            "import os.path\nos.path.isdir(path)",
            "from os.path import exists\nexists(path)",
            "from os import path\npath.lexists(name)",
            "from shutil import rmtree\nrmtree(path)",
            "import shutil\naccount.run(shutil.rmtree, path)",
            "with open(path) as file: pass",
            "reader = open",
            "import pathlib\npathlib.Path(name).unlink()",
            "from pathlib import Path\nPath(name)",
            "import tarfile\ntarfile.open(path)",
            "context.load_cert_chain(path)",
            "import os\ngetattr(os, 'ren' + 'ame')(a, b)",
            "import sqlite3\nsqlite3.connect(path)",
        ):
            self.assertEqual(len(list(calls(source))), 1, source)

    def test_harmless_code_is_not_a_finding(self) -> None:
        for source in ("import os\nos.path.join(a, b)", "site.open(path)", "import os\nos.fstat(descriptor)"):
            self.assertEqual(list(calls(source)), [], source)


if __name__ == "__main__":
    unittest.main()
