#!/bin/sh
# Checks a release before publication: the lockfiles match the recipes, the tarball verifies, and its audit against a
# current database of advisories finds nothing without a recipe's statement.
# Usage: release-check.sh TARBALL DATABASE [--max-age DAYS]    Ends with 0, or with the first failure's exit code.
set -eu

if [ "$#" -lt 2 ]; then
  echo 'usage: npm run release-check -- TARBALL DATABASE [--max-age DAYS]' >&2
  exit 2
fi
tarball=$1 database=$2
shift 2
ksbundle=$(dirname "$0")/../dist/cli/main.js

for bundle in keystone keystone-29 keystone-oidc keystone-postgresql glance openstack; do
  for arch in x86_64 aarch64; do
    node "$ksbundle" lock "$bundle" --check --platform "$arch-linux-gnu.2.17"
  done
done
node "$ksbundle" verify "$tarball"
node "$ksbundle" audit "$tarball" --advisories "$database" "$@"
echo "release-check: $(basename "$tarball") may be released, as of this database ($(date -u +%Y-%m-%d))"
