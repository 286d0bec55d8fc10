/**
 * Python program behind `compileByteCode`; any CPython of the release's minor version runs it, because it only reads
 * and compiles and imports nothing of the release. Reads JSON from standard input, prints JSON.
 *
 * The closure is the static one: what the modules import when they are loaded, not what their functions import later.
 * It is the same on every machine and for every architecture, unlike what an import of the modules would show.
 */
export const BYTE_CODE_SCRIPT = String.raw`
import ast, json, os, py_compile, sys

request = json.load(sys.stdin)
root = request["root"]
if "%d.%d" % sys.version_info[:2] != request["version"]:
    sys.exit("this is Python %d.%d" % sys.version_info[:2])


def locate(name):
    """Release path of a module's file; "" for a directory without __init__.py; None for no Python module."""
    parts = name.split(".")
    namespace = None
    for base in request["path"]:
        stem = "/".join([base, *parts])
        for candidate in (stem + "/__init__.py", stem + ".py"):
            if os.path.isfile(os.path.join(root, candidate)):
                return candidate
        if os.path.isdir(os.path.join(root, stem)):
            namespace = ""
    return namespace


def submodules(name):
    """Names of all modules below a package."""
    for base in request["path"]:
        top = os.path.join(root, base, *name.split("."))
        for directory, directories, files in os.walk(top):
            directories.sort()
            package = ".".join([name, *os.path.relpath(directory, top).split(os.sep)]).removesuffix("..")
            for file in sorted(files):
                if file.endswith(".py"):
                    yield package if file == "__init__.py" else package + "." + file[:-3]


def statements(body):
    """Statements that run when a module is loaded: none of functions, none for type checkers."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from statements(handler.body)


def imports(name, tree, is_package):
    """Names that a module imports when it is loaded, and what may be a module or just a name in one."""
    package = name if is_package else name.rpartition(".")[0]
    for node in statements(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            if node.level:
                origin = ".".join(parts[: len(parts) - node.level + 1])
                origin = ".".join(filter(None, [origin, node.module]))
            else:
                origin = node.module
            yield origin
            for alias in node.names:
                yield origin + "." + alias.name


def closure(names):
    """Release path by name of every module that names need, parents included."""
    found, missing, pending, seen = {}, [], [], set()
    for name in names:
        wanted = list(submodules(name[:-2])) if name.endswith(".*") else [name]
        if not any(locate(module) is not None for module in wanted):
            missing.append(name)
        pending += wanted
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if "." in name:
            pending.append(name.rpartition(".")[0])
        file = locate(name)
        if not file:
            continue
        found[name] = file
        with open(os.path.join(root, file), "rb") as source:
            tree = ast.parse(source.read(), file)
        pending += imports(name, tree, file.endswith("/__init__.py"))
    return found, missing


def sources(directory):
    """Release paths of all Python files below a directory."""
    for place, directories, files in os.walk(os.path.join(root, directory)):
        directories.sort()
        yield from (os.path.relpath(os.path.join(place, file), root) for file in sorted(files) if file.endswith(".py"))


programs = list(sources(request["programs"]))
needed = []
for file in programs:
    with open(os.path.join(root, file), "rb") as source:
        # What they import of each other is not found below their release paths, and need not be.
        needed += imports(file[:-3].replace("/", "."), ast.parse(source.read(), file), file.endswith("/__init__.py"))
found, missing = closure([*request["modules"], *needed])
# What is written is part of the release, whatever the umask of who builds it.
os.umask(0o022)
written = []
mode = py_compile.PycInvalidationMode
# One process, sorted: marshalled references depend on what was compiled before.
for file in sorted({*found.values(), *programs}):
    directory, name = os.path.split(file)
    target = "%s/__pycache__/%s.%s.pyc" % (directory, name[:-3], sys.implementation.cache_tag)
    py_compile.compile(
        os.path.join(root, file),
        os.path.join(root, target),
        dfile=file,
        doraise=True,
        invalidation_mode=mode.CHECKED_HASH if file in programs else mode.UNCHECKED_HASH,
    )
    written.append([file, target])
json.dump({"written": written, "missing": missing}, sys.stdout)
`;
