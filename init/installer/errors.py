"""Exit codes and errors meant for the operator."""

from __future__ import annotations

import enum
import errno
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class Exit(enum.IntEnum):
    """Exit codes; documented in docs/bootstrap.md. A signal ends with 128 + its number."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    PREFLIGHT = 3
    INTEGRITY = 4
    LOCKED = 5
    ROLLED_BACK = 6
    NEEDS_PERSON = 7
    VERIFICATION = 8


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, where, why, and what to do about it."""

    what: str
    where: str = ""
    why: str = ""
    hint: str = ""
    details: Sequence[str] = ()


class Failure(Exception):
    """Ends a command with an exit code and all problems found."""

    def __init__(self, exit_code: Exit, *problems: Problem) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.exit_code = exit_code
        self.problems = problems


class Silent(Failure):
    """A daemon runs and does not answer, or has ended."""

    def __init__(self, daemon: str, problem: Problem) -> None:
        super().__init__(Exit.NEEDS_PERSON, problem)
        self.daemon = daemon


def check_all(*checks: Callable[[], object]) -> None:
    """Runs all checks, even if some fail; then raises one Failure with all their problems. Its exit code is INTEGRITY
    if a check raised that, else the first failure's."""
    failures: list[Failure] = []
    for check in checks:
        try:
            check()
        except Failure as failure:
            failures.append(failure)
    if failures:
        codes = [failure.exit_code for failure in failures]
        code = Exit.INTEGRITY if Exit.INTEGRITY in codes else codes[0]
        raise Failure(code, *(problem for failure in failures for problem in failure.problems))


class Interrupted(BaseException):
    """A signal asked the installer to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def problems_of(error: Exception) -> Sequence[Problem]:
    """The text of an exception for the operator; for an unexpected one, also where it was raised."""
    if isinstance(error, Failure):
        return error.problems
    if isinstance(error, OSError):
        return [_host_problem(error)]
    lines = "".join(traceback.format_exception(error)).splitlines()
    return [Problem("internal error in bootstrap.sh", details=lines, hint="please report these lines")]


def _host_problem(error: OSError) -> Problem:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Problem(
        "the disk is full" if full else f"the host refused: {error.strerror or error}",
        where=str(error.filename or ""),
        hint=f"{'free some space' if full else 'remove the cause'}, then run the command again: it resumes",
    )
