"""Entry point: `bin/python3 -I -S -B init/installer ARGUMENTS`, as init/bootstrap.sh runs it."""

import os
import sys

INIT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

sys.path.insert(0, INIT)
from installer.cli import main  # noqa: E402

# `init/` also holds the bundle's own package, whose name may be that of the software it installs.
sys.path.remove(INIT)

sys.exit(main(sys.argv[1:], init=INIT))
