"""Templates of what the host's service manager reads."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..bundle.render import render_file

_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def fill(template: str, values: Mapping[str, str]) -> str:
    return render_file(os.path.join(_DIRECTORY, template), values)
