"""Runs commands of bootstrap.sh as root in a cell where the service's account is an enemy, and tells what went wrong.

Arguments: the site's directory, and the directory of what is the same at the beginning of each case: a copy of it has
the instances. Reads cases as JSON, a line each, and answers each with a line. See hostile-account.test.ts.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

SITE, PRISTINE = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
ACCOUNT = 65534
OUTSIDE = os.path.join(SITE, "outside")
#: Mirrors an instance: what a link in place of a path leads to has the same names.
CANARIES = os.path.join(OUTSIDE, "canaries")
#: In every canary. Nothing of the account's may ever hold it.
TOKEN = b"ksbundle-canary-4711"
#: Seconds that a command may take longer than without an enemy.
PATIENCE = 20

spec = importlib.util.spec_from_file_location("hostile_account", os.path.join(HERE, "hostile-account.py"))
assert spec is not None and spec.loader is not None
account = importlib.util.module_from_spec(spec)
spec.loader.exec_module(account)


def installer(release: str) -> list[str]:
    """As bootstrap.sh ends; SIGABRT makes it say where it is."""
    python = os.path.join(release, "bin", "python3")
    return [python, "-X", "utf8", "-X", "faulthandler", "-I", "-B", os.path.join(release, "init", "installer")]


def reset(case: dict[str, Any]) -> None:
    """Makes everything as it was before the first case."""
    end_account()
    for name in os.listdir(SITE):
        release = os.path.join(SITE, name)
        if os.path.isdir(os.path.join(release, "init")):
            for left in ("instance", "instance.left"):
                remove(os.path.join(release, left))
            for other in os.listdir(release):
                if other.startswith("instance."):
                    remove(os.path.join(release, other))
    remove(OUTSIDE)
    subprocess.run(["cp", "-a", os.path.join(PRISTINE, case["pristine"]), case["instance"]], check=True)
    make_canaries(case["instance"])


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def make_canaries(instance: str) -> None:
    os.mkdir(OUTSIDE)
    os.mkdir(CANARIES)
    for path in account.own_paths(instance):
        make_canary(path, instance, directory=os.path.isdir(path))
    for number in range(account.FILLERS):
        for directory in ("log", "log/keystone"):
            make_canary(os.path.join(instance, directory, f"filler-{number}.log"), instance, directory=False)
    for name, mode in (("shadow", 0o640), ("su", 0o4755), ("spool", 0o3773)):
        path = os.path.join(OUTSIDE, name)
        if name == "spool":
            os.mkdir(path)
        else:
            write(path, TOKEN)
        os.chmod(path, mode)
    theirs = os.path.join(CANARIES, "theirs")
    os.mkdir(theirs)
    write(os.path.join(theirs, "file"), b"the account's own")
    for path in (theirs, os.path.join(theirs, "file")):
        os.chown(path, ACCOUNT, ACCOUNT)


def make_canary(path: str, instance: str, *, directory: bool) -> str:
    target = os.path.join(CANARIES, os.path.relpath(path, instance))
    if not os.path.lexists(target):
        if directory:
            os.makedirs(target, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            write(target, TOKEN + b" " + os.fsencode(target) + b"\n")
            os.chmod(target, 0o600)
    return target


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def snapshot() -> dict[str, str]:
    """Owner, mode, size, times and content of everything outside the instances that nobody has business with."""
    found = {}
    for directory, names, others in os.walk(OUTSIDE):
        for name in [*names, *others]:
            path = os.path.join(directory, name)
            if not path.startswith(os.path.join(CANARIES, "theirs", "file")):
                found[path] = describe(path)
    status = os.stat(os.path.join(CANARIES, "theirs", "file"))
    found[os.path.join(CANARIES, "theirs", "file")] = f"{status.st_uid}:{status.st_gid} {status.st_mode:o}"
    for release in sorted(os.listdir(SITE)):
        for place in ("", "init", "bin", "lib"):
            path = os.path.join(SITE, release, place)
            if os.path.isdir(os.path.join(SITE, release, "init")):
                status = os.stat(path)
                found[path] = f"{status.st_uid}:{status.st_gid} {status.st_mode:o}"
    return found


def describe(path: str) -> str:
    status = os.lstat(path)
    content = ""
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    when = "" if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns
    return f"{status.st_uid}:{status.st_gid} {status.st_mode:o} {when} {content}"


def plant(case: dict[str, Any]) -> None:
    """Puts something else in the place of the paths, as the account can, or could on a kernel without guards."""
    instance = case["instance"]
    for name in case["paths"]:
        path = os.path.join(instance, name)
        is_directory = os.path.isdir(path) or not (os.path.lexists(path) or "." in name)
        target = make_canary(path, instance, directory=is_directory)
        if case["kind"] == "hard link" and os.path.isdir(target):
            continue
        remove(path)
        account.plant(path, case["kind"], target)
        if case["kind"] != "hard link":
            os.chown(path, ACCOUNT, ACCOUNT, follow_symlinks=False)


def run(case: dict[str, Any], trace: str = "") -> tuple[int | None, str, float]:
    """Runs the command; the exit code is None if it had to be ended."""
    begun = time.monotonic()
    tracer = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file,bind", "-o", trace] if trace else []
    with open(os.path.join(PRISTINE, "output"), "w+b") as output:
        child = subprocess.Popen(
            [*tracer, *installer(case["release"]), *case["argv"]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
        try:
            code: int | None = child.wait(PATIENCE + case.get("usual", 0))
        except subprocess.TimeoutExpired:
            code = None
            child.send_signal(signal.SIGABRT)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        output.seek(0)
        return code, output.read().decode(errors="replace"), time.monotonic() - begun


def leaks(case: dict[str, Any], said: str) -> Iterator[str]:
    """Where what only root may read has come to lie in reach of the account, or in a backup."""
    canaries = {os.lstat(path).st_ino for path in snapshot() if os.path.lexists(path)}
    for directory, names, others in os.walk(SITE):
        # What a release consists of never changes.
        names[:] = [name for name in names if name not in ("outside", "bin", "init", "lib", "licenses", "share")]
        for name in others:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_ino in canaries or status.st_size > 1 << 28:
                continue
            if holds_token(path) and (name.endswith(".gz") or is_readable(status)):
                yield f"{os.path.relpath(path, SITE)} holds what only root may read"
    if TOKEN.decode() in said:
        yield "the command shows what only root may read"


def holds_token(path: str) -> bool:
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            return TOKEN in file.read()
    except (OSError, EOFError):
        return False


def is_readable(status: os.stat_result) -> bool:
    mode = status.st_mode
    return bool(mode & 0o004 or (mode & 0o040 and status.st_gid == ACCOUNT) or status.st_uid == ACCOUNT)


def end_account() -> None:
    """Ends every process of the account's, and waits for it."""
    for _ in range(200):
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and owner(pid) == ACCOUNT]
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        if not found:
            return
        time.sleep(0.02)


def owner(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] in "ZX":
                return None
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def as_account(argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, user=ACCOUNT, group=ACCOUNT, extra_groups=[], stdout=subprocess.PIPE, **options)


def started(case: dict[str, Any]) -> None:
    """Brings the instance to what the case begins with."""
    reset(case)
    if case.get("running"):
        code, said, _ = run({**case, "argv": ["start"], "usual": 120})
        if code != 0:
            raise ChildProcessError(f"the instance does not start: {said}")


def judge(case: dict[str, Any]) -> dict[str, Any]:
    started(case)
    how = case["how"]
    enemies: list[subprocess.Popen[bytes]] = []
    bystanders: list[subprocess.Popen[bytes]] = []
    if how == "static":
        plant(case)
    before = snapshot()
    if how == "impostors":
        bystanders, enemies = impostors(case)
    elif how != "static":
        enemies = [enemy(case)]
    code, said, seconds = run(case)
    faults = [f"root signalled {name.args} of its own" for name in bystanders if name.poll() is not None]
    for process in (*enemies, *bystanders):
        process.kill()
        process.wait()
    if code is None:
        faults.append(f"it hangs: {where_it_hangs(said)}")
    after = snapshot()
    faults += [
        f"{os.path.relpath(path, SITE)} is {after.get(path, 'gone')}, was {before.get(path, 'not there')}"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ][:8]
    faults += list(leaks(case, said))[:8]
    if re.search(r"^Traceback|bootstrap has a fault", said, re.MULTILINE) and code is not None:
        faults.append(f"a fault of its own: {said[-1500:]}")
    if code is not None and code not in case.get("exitCodes", [code]):
        faults.append(f"it ends with {code}: {said[-1500:]}")
    return {"faults": faults, "exitCode": code, "said": said[-3000:], "seconds": seconds}


def enemy(case: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Starts the account's own process; see hostile-account.py."""
    words = [case["instance"], CANARIES, case.get("kind", ""), case["how"]]
    words += [str(case.get("after", 0)), *case.get("places", [])]
    # The account may not be able to reach the checkout, so it is given the script open.
    with open(os.path.join(HERE, "hostile-account.py"), "rb") as script:
        process = as_account([installer(case["release"])[0], "-I", "-B", "-", *words], stdin=script)
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        raise ChildProcessError("the enemy does not start")
    return process


def impostors(case: dict[str, Any]) -> tuple[list[subprocess.Popen[bytes]], list[subprocess.Popen[bytes]]]:
    """Processes of root's that look like daemons, which root must leave alone, and some of the account's that do."""
    run_directory = os.path.join(case["instance"], "run")
    programs = {}
    for name in ("httpd", "uwsgi", "memcached"):
        programs[name] = os.path.join(PRISTINE, name)
        if not os.path.lexists(programs[name]):
            os.symlink(shutil.which("sleep") or "/bin/sleep", programs[name])
    start = {"cwd": run_directory, "start_new_session": True}
    own = [subprocess.Popen([program, "1000"], **start) for program in programs.values()]
    theirs = [as_account([program, "1000"], **start) for program in programs.values()]
    for name in ("httpd.pid", "uwsgi.pid", "memcached.pid"):
        path = os.path.join(run_directory, name)
        remove(path)
        write(path, f"{own[0].pid}\n".encode())
        os.chown(path, ACCOUNT, ACCOUNT)
    return own, theirs


def where_it_hangs(said: str) -> str:
    """The innermost frames, as faulthandler writes them."""
    frames = re.findall(r'File ".*?init/([^"]+)", line (\d+) in (\S+)', said)
    return " < ".join(f"{file}:{line} {function}" for file, line, function in frames[:6]) or said[-600:]


def touched(case: dict[str, Any]) -> dict[str, Any]:
    """Names, in directories of the account, that an undisturbed run names to the kernel, and how long it takes."""
    started(case)
    _, _, seconds = run({**case, "usual": 300})
    started(case)
    trace = os.path.join(PRISTINE, "trace")
    code, said, _ = run({**case, "usual": 300}, trace)
    with open(trace, errors="replace") as file:
        lines = file.read()
    instance = case["instance"]
    named = set(re.findall(rf'"({re.escape(instance)}/[^"]+)"', lines))
    named.update(os.path.join(*pair) for pair in re.findall(rf'<({re.escape(instance)}[^>]*)>, "([^"/][^"]*)"', lines))
    reset(case)
    own = set(account.own_paths(instance))
    places = {os.path.dirname(path) for path in own}
    # A directory is also named with a slash at the end; the instance's own entries are not the account's to exchange.
    named = {os.path.normpath(path) for path in named}
    found = own | {path for path in named if os.path.dirname(path) in places}
    paths = sorted(os.path.relpath(path, instance) for path in found)
    return {"paths": paths, "seconds": seconds, "exitCode": code, "said": said[-3000:]}


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(touched(case) if case["how"] == "trace" else judge(case)), flush=True)
    end_account()


if __name__ == "__main__":
    main()
