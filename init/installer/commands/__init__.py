"""The commands of init/bootstrap.sh, a module each, which is imported when it is first used as an attribute of this
package: importing all of them takes longer than a short command."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import ask as ask
    from . import backup as backup
    from . import control as control
    from . import install as install
    from . import keys as keys
    from . import maintain as maintain
    from . import migrate_database as migrate_database
    from . import restore as restore
    from . import rollback as rollback
    from . import run as run
    from . import show as show
    from . import status as status
    from . import uninstall as uninstall
    from . import upgrade as upgrade
    from . import verify as verify


def __getattr__(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(name) from error
