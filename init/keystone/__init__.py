"""Keystone on httpd with mod_wsgi and memcached: what the installer needs to know of this bundle.

Its functions are those of `installer.product.Product`.
"""

from .catalog import migrate, state
from .configuration import directories, rendered_files
from .daemons import check_configuration, daemons, reload, wait_ready
from .data import check_data, is_prepared, prepare
from .proof import prove, summary
from .settings import TRANSIENT, check_answers, listeners, warn

__all__ = [
    "TRANSIENT",
    "check_answers",
    "check_configuration",
    "check_data",
    "daemons",
    "directories",
    "is_prepared",
    "listeners",
    "migrate",
    "prepare",
    "prove",
    "reload",
    "rendered_files",
    "state",
    "summary",
    "wait_ready",
    "warn",
]
