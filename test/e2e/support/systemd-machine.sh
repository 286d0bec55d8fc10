#!/bin/sh
# Boots a system in a container with its own cgroups, because systemd-nspawn must not register it.
# Arguments: its root directory, its name.
set -eu
root=$1
name=$2
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -e "$hierarchy/cgroup.procs" ]; then
    mkdir -p "$hierarchy/$name"
    echo $$ >"$hierarchy/$name/cgroup.procs"
  fi
done
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe --machine="$name" --directory="$root" --boot
