"""Keystone on httpd with mod_wsgi and memcached: what the installer needs to know of this bundle.

Its functions are those of `installer.product.Product`.
"""

from .catalog import migrate, state
from .configuration import directories
from .daemons import check_configuration, daemons, reload, wait_ready
from .data import DATABASES, SECRETS, SIDECARS, check_data, copy_data, is_prepared, prepare, upgrade_data
from .handover import rendered_files, summary
from .proof import prove
from .rotation import maintain
from .settings import TRANSIENT, check_answers, listeners, warn

__all__ = [
    "DATABASES",
    "SECRETS",
    "SIDECARS",
    "TRANSIENT",
    "check_answers",
    "check_configuration",
    "check_data",
    "copy_data",
    "daemons",
    "directories",
    "is_prepared",
    "listeners",
    "maintain",
    "migrate",
    "prepare",
    "prove",
    "reload",
    "rendered_files",
    "state",
    "summary",
    "upgrade_data",
    "wait_ready",
    "warn",
]
