#!/bin/sh
# Checks the installer's Python with ruff, which is kept, at one version, in .venv.
set -eu
cd "$(dirname "$0")/.."
version=0.17.5
if [ "$(.venv/bin/ruff --version 2>/dev/null)" != "ruff $version" ]; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check "ruff==$version"
fi
.venv/bin/ruff check init test/unit/init test/support/validators
.venv/bin/ruff format --check init test/unit/init test/support/validators
