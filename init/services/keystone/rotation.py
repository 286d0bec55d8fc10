"""The keys of tokens get old: every so often a new one takes over, and those that no valid token needs are removed."""

from __future__ import annotations

from installer.bundle.api import Site
from installer.errors import Exit, Failure, Problem
from installer.host import clock
from installer.state import files

from . import configuration, running, settings

#: The key that is next in turn; it is as old as the last rotation.
STAGED = "0"


def maintain(site: Site) -> list[str]:
    """Rotates the keys of tokens if they are due, with Keystone's own code. Tokens stay valid."""
    staged = site.instance.path(configuration.FERNET_KEYS, STAGED)
    found = files.status(staged, follow=False)
    if found is None:
        hint = "restore the instance's keys from a backup"
        raise Failure(Exit.NEEDS_PERSON, Problem("a key is missing", where=staged, hint=hint))
    interval = settings.key_rotation(site)
    if not interval or not clock.is_due(found.st_mtime, interval):
        return []
    running.run_boot(site, "rotate", interval=interval)
    return ["rotated the token keys"]
