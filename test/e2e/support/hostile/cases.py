"""Runs commands of bootstrap.sh as root in a cell with a hostile service account, and reports faults.

Arguments: as for world.py. Reads cases as lines of JSON, and answers each with a line. See hostile-account.test.ts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import account
from world import (
    ACCOUNT,
    CANARIES,
    PRISTINE,
    SITE,
    end_account,
    leaks,
    plant,
    remove,
    reset,
    snapshot,
    write,
)

#: Extra seconds of a command with an enemy, as `wait` counts them.
PATIENCE = 20
#: A second counts at least this much on a busy host.
BUSIEST = 0.1


def bootstrap(case: dict[str, Any]) -> list[str]:
    """The command's program; without `script` only bootstrap.sh's last command, which prints its stack on SIGABRT."""
    release = case["release"]
    if case.get("script"):
        return ["/bin/sh", os.path.join(release, "init", "bootstrap.sh")]
    return [
        python(release),
        "-X",
        "utf8",
        "-X",
        "faulthandler",
        "-I",
        "-S",
        "-B",
        os.path.join(release, "init/installer"),
    ]


def python(release: str) -> str:
    return os.path.join(release, "bin", "python3")


def run(case: dict[str, Any], trace: str = "") -> tuple[int | None, str, float]:
    """Runs the command; the exit code is None if it was killed."""
    begun = time.monotonic()
    tracer = ["strace", "-D", "-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file,bind", "-o", trace] if trace else []
    with open(os.path.join(PRISTINE, "output"), "w+b") as output:
        child = subprocess.Popen(
            [*tracer, *bootstrap(case), *case["argv"]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
        code = wait(child, PATIENCE + case.get("usual", 0))
        if code is None:
            waiting = what_waits(child.pid)
            child.send_signal(signal.SIGABRT)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            output.seek(0, os.SEEK_END)
            output.write(waiting.encode())
        output.seek(0)
        return code, output.read().decode(errors="replace"), time.monotonic() - begun


def wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Waits for a process; None if it has not ended after so many seconds. Does not count time in which a process on the
    host waited for a processor: slow is not hung."""
    while seconds > 0:
        begun, stalled = time.monotonic(), stall()
        try:
            return child.wait(min(1, seconds))
        except subprocess.TimeoutExpired:
            took = time.monotonic() - begun
            seconds -= max(took - (stall() - stalled), took * BUSIEST)
    return None


def stall() -> float:
    """Seconds in which a process of the host waited for a processor; 0 if the kernel does not count them."""
    try:
        with open("/proc/pressure/cpu") as file:
            return int(file.readline().rpartition("=")[2]) / 1e6
    except OSError:
        return 0.0


def what_waits(session: int) -> str:
    """The processes of the command, each with its wait channel and its open files."""
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) != session:
                continue
            with open(f"/proc/{pid}/wchan") as wait, open(f"/proc/{pid}/cmdline") as words:
                line = f"{words.read()[-200:]} in {wait.read()}:".replace("\0", " ")
            links = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
            lines.append(" ".join([line, *map(os.readlink, links)]))
        except OSError:
            continue
    return "\nwaits: ".join(["", *lines])


def as_account(argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, user=ACCOUNT, group=ACCOUNT, extra_groups=[], stdout=subprocess.PIPE, **options)


def started(case: dict[str, Any]) -> None:
    """Restores the instance's initial state of the case."""
    reset(case)
    if case.get("running"):
        code, said, _ = run({**case, "argv": ["start"], "usual": 120})
        if code != 0:
            raise ChildProcessError(f"the instance does not start: {said}")


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """Tries the case; with `peel`, repeats a stopped command without the path that it names, or with either half if it
    names none, so that it reaches all paths. The verdict has the faults of all attempts."""
    faults: list[str] = []
    spared: set[str] = set()
    for attempts in range(1, 200):
        paths = [name for name in case.get("paths", []) if name not in spared]
        verdict = attempt({**case, "paths": paths, "spared": sorted(spared)})
        faults += verdict["faults"]
        planted = set(paths) if case["how"] == "static" else None
        named = named_in(verdict["said"], case["instance"], planted, spared)
        stopped = case.get("peel") and verdict["exitCode"] not in (0, None, case.get("ends", 0))
        if stopped and not named and len(planted or ()) > 1:
            # It does not say what stops it.
            for half in (paths[::2], paths[1::2]):
                inner = judge({**case, "paths": half})
                faults += inner["faults"]
                attempts += inner["attempts"]
            return {**verdict, "faults": faults, "attempts": attempts, "spared": sorted(spared)}
        if not stopped or not named:
            return {**verdict, "faults": faults, "attempts": attempts, "spared": sorted(spared)}
        spared |= named
    raise RuntimeError(f"{case} does not come to an end: {sorted(spared)}")


def named_in(said: str, instance: str, planted: set[str] | None, spared: set[str]) -> set[str]:
    """The paths, relative to the instance, that may have stopped a command: those that it names or, if these are
    already spared, their parents. `planted` are the exchanged ones; None for any."""
    found: set[str] = set()
    for path in re.findall(rf"{re.escape(instance)}/([\w./-]*[\w-])", said):
        parts = path.split("/")
        above = ["/".join(parts[:length]) for length in range(len(parts), 1, -1)]
        found.update([name for name in above if name not in spared and (planted is None or name in planted)][:1])
    return found


def attempt(case: dict[str, Any]) -> dict[str, Any]:
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
    if (
        re.search(r"^Traceback|bootstrap has a fault|internal error in bootstrap\.sh", said, re.MULTILINE)
        and code is not None
    ):
        faults.append(f"a fault of its own: {said[-1500:]}")
    if code is not None and code not in case.get("exitCodes", [code]):
        faults.append(f"it ends with {code}: {said[-1500:]}")
    return {"faults": faults, "exitCode": code, "said": said[-3000:], "seconds": seconds}


def enemy(case: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Starts the account's own process; see account.py."""
    words = [case["instance"], CANARIES, case.get("kind", ""), case["how"]]
    words += [str(case.get("after", 0)), json.dumps(case.get("places", [])), json.dumps(case.get("spared", []))]
    # The account may have no access to the checkout, so it inherits the open script.
    with open(os.path.join(HERE, "account.py"), "rb") as script:
        process = as_account([python(case["release"]), "-I", "-B", "-", *words], stdin=script)
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        raise ChildProcessError("the enemy does not start")
    return process


def impostors(case: dict[str, Any]) -> tuple[list[subprocess.Popen[bytes]], list[subprocess.Popen[bytes]]]:
    """Processes of root that look like daemons, which root must not touch, and some of the account."""
    run_directory = os.path.join(case["instance"], "run")
    programs = {}
    for name in ("httpd", "uwsgi", "memcached"):
        programs[name] = os.path.join(PRISTINE, f"like-{name}", name)
        os.makedirs(os.path.dirname(programs[name]), exist_ok=True)
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
    return " < ".join(f"{file}:{line} {function}" for file, line, function in frames[:6]) or said[-1200:]


def touched(case: dict[str, Any]) -> dict[str, Any]:
    """Paths in the account's directories that an undisturbed run passes to the kernel, and its duration."""
    started(case)
    _, _, seconds = run({**case, "usual": 300})
    started(case)
    trace = os.path.join(PRISTINE, "trace")
    code, said, _ = run({**case, "usual": 300, "script": False}, trace)
    with open(trace, errors="replace") as file:
        lines = file.read()
    instance = case["instance"]
    named = set(re.findall(rf'"({re.escape(instance)}/[^"]+)"', lines))
    named.update(os.path.join(*pair) for pair in re.findall(rf'<({re.escape(instance)}[^>]*)>, "([^"/][^"]*)"', lines))
    reset(case)
    own = set(account.own_paths(instance))
    places = {os.path.dirname(path) for path in own}
    # A directory may be named with a trailing slash; the account cannot exchange the instance's own entries.
    named = {os.path.normpath(path) for path in named}
    found = own | {path for path in named if os.path.dirname(path) in places}
    paths = sorted(os.path.relpath(path, instance) for path in found)
    directories = [name for name in paths if os.path.isdir(os.path.join(PRISTINE, case["pristine"], name))]
    return {"paths": paths, "directories": directories, "seconds": seconds, "exitCode": code, "said": said[-3000:]}


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(touched(case) if case["how"] == "trace" else judge(case)), flush=True)
    end_account()


if __name__ == "__main__":
    main()
