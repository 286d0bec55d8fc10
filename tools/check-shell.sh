#!/bin/sh
# Checks every shell script in the repository with shellcheck, and those for sh with the parser of each supported shell.
set -eu
cd "$(dirname "$0")/.."

shells='dash
bash --posix
busybox ash
mksh
yash
ksh93'

# Prints the tracked and new files with one of the shells, a regular expression, in the shebang line.
scripts_for() {
  git grep --untracked -lE "^#!.*\b($1)\$"
}

# The names are split into words below; a name with spaces would fail.
scripts=$(scripts_for 'sh|bash|dash')
portable=$(scripts_for 'sh|dash')

missing=
for program in shellcheck $(printf '%s\n' "$shells" | cut -d ' ' -f 1); do
  command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
  echo "not installed:$missing; the packages they come in are listed in test/run/needs.mjs" >&2
  exit 3
fi

# shellcheck disable=SC2086 # Words are meant to be split, here and below.
shellcheck --external-sources -- $scripts
printf '%s\n' "$shells" | while read -r shell; do
  for script in $portable; do
    # Ignores output without an error: ksh93 gives advice on speed.
    if ! said=$($shell -n "$script" 2>&1); then
      printf '%s cannot read %s\n%s\n' "$shell" "$script" "$said" >&2
      exit 1
    fi
  done
done
