"""Keystone on httpd with mod_wsgi, or on uWSGI, with memcached: what the installer needs to know of this bundle.

Its functions are those of `installer.bundle.api.Product`.
"""

from installer.kit.addresses import listeners
from installer.kit.tls import expiring

from .catalog import migration, state
from .checks import check_answers, warn
from .configuration import directories
from .daemons import UNPLACED, check_configuration, check_serving, daemons, reload, wait_ready
from .data import SECRETS, check_data, is_prepared, prepare, stores, unmade, upgrade_data
from .handover import rendered_files, summary
from .proof import prove
from .rotation import maintain
from .settings import APPETITE, TRANSIENT, derived, urls

__all__ = [
    "APPETITE",
    "SECRETS",
    "TRANSIENT",
    "UNPLACED",
    "check_answers",
    "check_configuration",
    "check_data",
    "check_serving",
    "daemons",
    "derived",
    "directories",
    "expiring",
    "is_prepared",
    "listeners",
    "maintain",
    "migration",
    "prepare",
    "prove",
    "reload",
    "rendered_files",
    "state",
    "stores",
    "summary",
    "unmade",
    "upgrade_data",
    "urls",
    "wait_ready",
    "warn",
]
