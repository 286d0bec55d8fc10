"""Compiles the modules that a release's programs load to byte code; `byte-code.ts` runs it and names them.

Any CPython of the release's minor version runs it, because it only reads and compiles and imports nothing of the release. It reads
one JSON document from standard input and prints one.

The closure is the static one: what the modules import when they are loaded, not what their functions import later. It is the
same on every machine and for every architecture, unlike the result of importing the modules. The output also lists everything that
may be needed at all, with imports in functions.
"""

import ast
import json
import os
import py_compile
import sys
from collections.abc import Iterable, Iterator

Found = dict[str, str]


class Release:
    """The Python files below a release directory; all paths are relative to it, with the directories of `search` as sys.path."""

    def __init__(self, root: str, search: list[str]) -> None:
        self.root = root
        self.search = search

    def locate(self, name: str) -> str | None:
        """Path of a module's file; "" for a directory without __init__.py; None if there is no such module."""
        namespace = None
        for base in self.search:
            stem = "/".join([base, *name.split(".")])
            for candidate in (stem + "/__init__.py", stem + ".py"):
                if os.path.isfile(os.path.join(self.root, candidate)):
                    return candidate
            if os.path.isdir(os.path.join(self.root, stem)):
                namespace = ""
        return namespace

    def submodules(self, name: str) -> Iterator[str]:
        """Names of all modules below a package."""
        for base in self.search:
            top = os.path.join(self.root, base, *name.split("."))
            for directory, directories, files in os.walk(top):
                directories.sort()
                package = ".".join([name, *os.path.relpath(directory, top).split(os.sep)]).removesuffix("..")
                for file in sorted(files):
                    if file.endswith(".py"):
                        yield package if file == "__init__.py" else package + "." + file[:-3]

    def sources(self, directory: str) -> Iterator[str]:
        """Paths of all Python files below a directory."""
        for place, directories, files in os.walk(os.path.join(self.root, directory)):
            directories.sort()
            for file in sorted(files):
                if file.endswith(".py"):
                    yield os.path.relpath(os.path.join(place, file), self.root)

    def imports_of(self, name: str, file: str, late: bool = False) -> Iterator[str]:
        """Names that a module imports when it is loaded; with `late`, also later. A name may be a module or a name in a module."""
        with open(os.path.join(self.root, file), "rb") as source:
            tree = ast.parse(source.read(), file)
        return imports(name if file.endswith("/__init__.py") else name.rpartition(".")[0], tree.body, late)

    def closure(self, names: Iterable[str], late: bool = False) -> tuple[Found, list[str], set[str]]:
        """Path by name of every module that the names need, with parents; the names without a module; and all names."""
        found: Found = {}
        missing: list[str] = []
        pending: list[str] = []
        seen: set[str] = set()
        for name in names:
            wanted = list(self.submodules(name[:-2])) if name.endswith(".*") else [name]
            if all(self.locate(module) is None for module in wanted):
                missing.append(name)
            pending += wanted
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            if "." in name:
                pending.append(name.rpartition(".")[0])
            file = self.locate(name)
            if file:
                found[name] = file
                pending += self.imports_of(name, file, late)
        return found, missing, seen


def loaded(body: Iterable[ast.stmt], late: bool) -> Iterator[ast.stmt]:
    """Statements that run when a module is loaded: with `late`, also those in functions. Skips imports for type checkers."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not late:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from loaded(node.orelse, late)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from loaded(getattr(node, field, []), late)
        for branch in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            yield from loaded(branch.body, late)


def imports(package: str, body: Iterable[ast.stmt], late: bool) -> Iterator[str]:
    """Names that the statements of a module in `package` import."""
    for node in loaded(body, late):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = package.split(".")
                parents = ".".join(parts[: len(parts) - node.level + 1])
                origin = ".".join(filter(None, [parents, node.module]))
            yield origin
            for alias in node.names:
                yield origin + "." + alias.name


def compile_file(root: str, file: str, mode: py_compile.PycInvalidationMode) -> str:
    """Compiles a file of the release; returns the path of the byte code."""
    directory, name = os.path.split(file)
    target = f"{directory}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(
        os.path.join(root, file), os.path.join(root, target), dfile=file, doraise=True, invalidation_mode=mode
    )
    return target


def main() -> None:
    request = json.load(sys.stdin)
    version = "{}.{}".format(*sys.version_info)
    if version != request["version"]:
        sys.exit(f"this is Python {version}")
    root = request["root"]
    release = Release(root, request["path"])
    programs = list(release.sources(request["programs"]))

    def imported(late: bool) -> Iterator[str]:
        # Imports between programs are not found, because programs are not in the search path. They are compiled anyway.
        return (name for file in programs for name in release.imports_of(file[:-3].replace("/", "."), file, late))

    found, missing, _ = release.closure([*request["modules"], *imported(late=False)])
    # For all modules of a large release, this is slow.
    by_name = request["by_name"]
    wanted = [] if by_name is None else [*request["modules"], *by_name, *imported(late=True)]
    late, _, names = release.closure(wanted, late=True)
    # The files become part of the release, so the umask is fixed.
    os.umask(0o022)
    modes = py_compile.PycInvalidationMode
    # One process, sorted: marshalled references depend on what was compiled before.
    written = [
        [file, compile_file(root, file, modes.CHECKED_HASH if file in programs else modes.UNCHECKED_HASH)]
        for file in sorted({*found.values(), *programs})
    ]
    needed = {"files": sorted(late.values()), "names": sorted(names)}
    json.dump({"written": written, "missing": missing, "needed": needed}, sys.stdout)


main()
