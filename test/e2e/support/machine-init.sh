#!/bin/sh
# First process of a test machine. Arguments: its root directory, then its addresses. Prints "ready" when the machine
# can be used, and ends, with the machine, at the end of standard input.
set -eu
root=$1
shift

mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"

ip link set lo up
if [ $# -gt 0 ]; then
  # A bridge without ports, if the kernel has no dummy interfaces.
  ip link add dummy0 type dummy 2>/dev/null || ip link add dummy0 type bridge
  for address; do
    case $address in
      *:*) ip addr add "$address/64" dev dummy0 nodad ;;
      *) ip addr add "$address/24" dev dummy0 ;;
    esac
  done
  ip link set dummy0 up
fi

echo ready
# Bash, because it reaps orphaned processes while it waits.
exec chroot "$root" /bin/bash -c 'while read -r _; do :; done'
