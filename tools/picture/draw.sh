#!/bin/sh
# Makes the pictures of README.md again, from a release. Usage, as root: draw.sh TARBALL. Needs chromium-headless-shell.
set -eu
here=$(dirname "$0")
pictures=$here/../../docs/pictures
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sh "$here/record.sh" "$1" >"$scratch/install.txt"
mv "$scratch/install.txt" "$pictures/install.txt"
node "$here/terminal.mjs" "$pictures/install.txt" >"$pictures/install.svg"

node "$here/../../dist/cli/main.js" inspect "$1" --html "$scratch/report.html"
chromium-headless-shell --no-sandbox --hide-scrollbars --user-data-dir="$scratch/profile" --window-size=1200,1120 \
  --blink-settings=preferredColorScheme=1 --screenshot="$scratch/report.png" "file://$scratch/report.html" 2>/dev/null
mv "$scratch/report.png" "$pictures/report.png"
