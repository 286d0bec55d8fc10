#!/bin/sh
# First process of a cell, see machine.ts. Arguments: directory of the releases, size of the cell's own file system, and
# a directory with its initial contents, or nothing. Prints "ready" when the cell can be used, and ends, with the cell,
# at the end of standard input.
set -eu
releases=$1
size=$2
image=$3

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/own /mnt/site
mount -t tmpfs -o "mode=755,size=$size" tmpfs /mnt/own
mkdir /mnt/own/written /mnt/own/work
[ -z "$image" ] || cp -a "$image/." /mnt/own/written
mount -t overlay -o "lowerdir=$releases,upperdir=/mnt/own/written,workdir=/mnt/own/work" overlay /mnt/site
ip link set lo up

echo ready
# Bash, because it reaps orphaned processes while it waits.
exec bash -c 'while read -r _; do :; done'
