#!/bin/sh
# Records an installation as docs/pictures/install.txt shows it. Usage, as root: record.sh TARBALL >FILE
# Everything happens in namespaces and in a directory that is removed: the host gets neither address nor files.
set -eu

if [ "${2-}" != inside ]; then
  exec unshare --net --pid --fork --mount --mount-proc sh "$0" "$1" inside
fi

tarball=$(realpath "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$tarball" "$place/"
chown -R nobody "$place"
chmod 755 "$place"
mount --bind "$place" /srv
ip link set lo up
ip link add dummy0 type dummy 2>/dev/null || ip link add dummy0 type bridge
ip addr add 192.168.1.103/24 dev dummy0
ip link set dummy0 up

# shellcheck disable=SC2016 # The inner shell expands them.
setpriv --reuid=nobody --regid=65534 --clear-groups env -i PATH="$PATH" HOME=/nonexistent sh -c '
say() {
  printf "$ %s\n" "$*"
  eval "$*" 2>&1
}
cd /srv
name=$(basename "$1" .tar.gz)
say tar xf "$name.tar.gz"
say cd "$name"
say init/bootstrap.sh --host 192.168.1.103
say . instance/admin-openrc.sh
say bin/openstack token issue -c expires -c project_id -c user_id
say init/bootstrap.sh status
init/bootstrap.sh stop >/dev/null 2>&1' sh "$tarball"
