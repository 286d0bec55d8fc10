"""Runs modules of the bundle's packages as the service's account, to answer a question."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from installer.bundle.api import Site
from installer.host.account import service_environment
from installer.kit.command import last_lines

#: Seconds for an answer.
PATIENCE = 30.0


def ask(site: Site, module: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The module's answer; or a `fault` and `why`: `away` if there is no answer in time, like from a server that is
    away, and `other` if it cannot be run. The request goes through a pipe, as it may contain secrets."""
    try:
        done = subprocess.run(
            [site.release.python, "-I", "-B", "-m", module],
            # The instance may not exist yet.
            cwd="/",
            env=dict(service_environment(site.release, "/tmp")),  # noqa: S108
            input=json.dumps(request).encode() + b"\n",
            capture_output=True,
            timeout=PATIENCE,
            preexec_fn=site.account.confine(),
        )
    except subprocess.TimeoutExpired:
        return {"fault": "away", "why": f"it gave no answer within {PATIENCE:.0f} s"}
    except (OSError, subprocess.SubprocessError) as error:
        # Other checks report why the account cannot run a program of the release.
        return {"fault": "other", "why": str(error)}
    if done.returncode != 0:
        return {"fault": "other", "why": "; ".join(last_lines(done.stderr)[-1:])}
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer
