"""Images without content, such as an upload that was cut off leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import Any

from installer.bundle.api import Site
from installer.errors import Problem

#: Images to name at most.
_NAMED = 20
#: An identifier and a state, as Glance makes them: the service's account may have written anything.
_IMAGE, _STATE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), re.compile(r"[a-z]{1,20}")
#: Every upload passes the other two states, in which only those that take more than a day are suspect.
_QUERY = """
    SELECT id, status FROM images
    WHERE NOT deleted AND (
        status = 'queued'
        OR status IN ('saving', 'uploading') AND coalesce(updated_at, created_at) < '{yesterday:%Y-%m-%d %H:%M:%S}'
    )
    ORDER BY created_at LIMIT {limit}
"""


def warn(site: Site, query: Callable[[str], Sequence[Sequence[Any]] | None]) -> Iterator[Problem]:
    """A warning about images whose content is missing, with the command that removes them. A database that cannot be
    read now yields none: its store reports it."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    rows = query(_QUERY.format(yesterday=yesterday, limit=_NAMED + 1)) or ()
    found = [(image, state) for image, state in rows if _IMAGE.fullmatch(str(image)) and _STATE.fullmatch(str(state))]
    if not found:
        return
    named = found[:_NAMED]
    openrc = quote(site.instance.path("admin-openrc.sh"))
    openstack = quote(site.release.path("bin", "openstack"))
    yield Problem(
        "images have no content",
        why="their uploads were cut off, or have not begun",
        details=[*(f"{image} ({state})" for image, state in named), *(["and others"] if len(found) > _NAMED else [])],
        hint=f"if nobody uploads them: . {openrc} && {openstack} image delete {' '.join(image for image, _ in named)}",
    )
