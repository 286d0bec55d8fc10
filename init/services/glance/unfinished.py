"""Images without content, such as an upload that was cut off leaves."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import closing
from shlex import quote

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
        OR status IN ('saving', 'uploading') AND coalesce(updated_at, created_at) < datetime('now', '-1 day')
    )
    ORDER BY created_at LIMIT ?
"""


def warn(site: Site, database: str) -> Iterator[Problem]:
    """A warning about images whose content is missing, with the command that removes them. A database that cannot be
    read now yields none: its store reports it."""
    # Imported here, as the account may be unable to read the module.
    import sqlite3  # noqa: F401

    rows = site.account.run(_find, site.instance.path(database))
    found = [(image, state) for image, state in rows if _IMAGE.fullmatch(image) and _STATE.fullmatch(state)]
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


def _find(path: str) -> Sequence[Sequence[str]]:
    """Identifiers and states, one more than are named. Runs as the service's account."""
    import sqlite3

    address = f"file:{urllib.parse.quote(path)}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as connection:
            return [[str(image), str(state)] for image, state in connection.execute(_QUERY, [_NAMED + 1])]
    except sqlite3.Error:
        return []
