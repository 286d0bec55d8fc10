"""Problems that prevent Keystone from running with the answers, or in its directory."""

from __future__ import annotations

from installer.bundle.api import Site
from installer.errors import Problem
from installer.kit import wsgi

from . import database, directory, hardening, nodes, openid, password

#: Patterns that the path of an instance must not contain, as no quoting helps, and why. oslo.config substitutes in the
#: argument with the path of its configuration, but opens the literal path: see Template and _validate_cli_options in
#: oslo_config/cfg.py.
UNUSABLE = {
    r"\?": "the parameters of a database URL would begin at it",
    r"\\\$": "Keystone's configuration would treat it as a quoted $",
    r"(?i)(?<!\\)\$[a-z_]": "Keystone would treat it as the name of a setting",
}


def check_answers(site: Site) -> list[Problem]:
    return [
        *wsgi.check_path("instance", site.instance.root, UNUSABLE),
        *(password.check_given(site) or hardening.check_first_password(site)),
        *database.check(site),
        *directory.check(site),
        *openid.check(site),
        *nodes.check_joining(site),
    ]
