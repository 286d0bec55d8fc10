#!/bin/sh
# Checks every shell script that is in the repository with shellcheck.
set -eu
cd "$(dirname "$0")/.."
if ! command -v shellcheck >/dev/null; then
  echo 'shellcheck is not installed: apt-get install shellcheck' >&2
  exit 3
fi
git ls-files -z --cached --others --exclude-standard |
  xargs -0 grep -lZE '^#!.*\b(sh|bash|dash)$' -- |
  xargs -0 shellcheck --external-sources --
