#!/bin/sh
# Checks all Python with ruff and mypy, pinned and installed in .venv.
set -eu
cd "$(dirname "$0")/.."
ruff=0.17.5
mypy=2.4.1
if [ "$(cat .venv/versions 2>/dev/null)" != "$ruff $mypy" ]; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check "ruff==$ruff" "mypy==$mypy"
  echo "$ruff $mypy" >.venv/versions
fi

.venv/bin/ruff check bench init src templates test tools
.venv/bin/ruff format --check bench init src templates test tools

# Search path of modules: the installer's, those that services add to the release's Python, and the tests'.
MYPYPATH=init:test/unit/init:test/support
for directory in init/services/*/site-packages templates/*/init/services/*/site-packages; do
  if [ -d "$directory" ]; then MYPYPATH=$MYPYPATH:$directory; fi
done
export MYPYPATH
.venv/bin/mypy init templates/*/init/services/*/site-packages/*.py test/unit/init src/assemble/byte_code.py bench/machines/serving/*.py templates/ansible/ansible_collections/*/*/plugins/filter/*.py tools/profile/work.py test/support/wsgi_client.py
