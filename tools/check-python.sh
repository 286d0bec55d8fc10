#!/bin/sh
# Checks the installer's Python: with ruff, and its types with mypy. Both are kept, at one version each, in .venv.
set -eu
cd "$(dirname "$0")/.."
ruff=0.17.5
mypy=2.4.1
if [ "$(cat .venv/versions 2>/dev/null)" != "$ruff $mypy" ]; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check "ruff==$ruff" "mypy==$mypy"
  echo "$ruff $mypy" >.venv/versions
fi

.venv/bin/ruff check init src templates test/unit/init test/support/validators
.venv/bin/ruff format --check init src templates test/unit/init test/support/validators

# Where modules are looked for: the installer's, those that services put into the release's Python, and the tests' own.
MYPYPATH=init:test/unit/init
for directory in init/services/*/site-packages templates/*/init/services/*/site-packages; do
  if [ -d "$directory" ]; then MYPYPATH=$MYPYPATH:$directory; fi
done
export MYPYPATH
.venv/bin/mypy init templates/*/init/services/*/site-packages/*.py test/unit/init src/assemble/byte_code.py
