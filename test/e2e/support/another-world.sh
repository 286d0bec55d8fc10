#!/bin/sh
# Runs a program as on another machine: with another user, home, umask, time zone, language, clock and loader's directories.
# Called in a new mount namespace, by another-world.ts: another-world.sh DIRECTORY OFFSET SOURCE PROGRAM…
# DIRECTORY is a separate file system; SOURCE, a directory, appears as DIRECTORY/ksbundle; OFFSET is that of the clock.
set -eu

directory=$1
offset=$2
source=$3
shift 3

mkdir -p "$directory/etc" "$directory/ksbundle" "$directory/home"
mount -t tmpfs tmpfs "$directory/etc"
mkdir "$directory/etc/upper" "$directory/etc/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$directory/etc/upper,workdir=$directory/etc/work" overlay /etc
# Libtool asks for it when it is configured.
echo /opt/another/lib >>/etc/ld.so.conf
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --bind "$source" "$directory/ksbundle"
chown -R nobody:nogroup "$directory/home"
begin=$directory/etc/begin
ready=/dev/shm/ready

cd "$directory/home"
# shellcheck disable=SC2016 # the inner shell expands it
setpriv --reuid=nobody --regid=nogroup --clear-groups env -i \
  PATH="$PATH" HOME="$directory/home" USER=nobody LOGNAME=nobody \
  TZ=Pacific/Chatham LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 \
  sh -c 'begin=$1 && shift && : >"$0" && until [ -e "$begin" ]; do sleep 0.1; done && umask 077 && exec "$@"' \
  "$ready" "$begin" "$@" &
while [ ! -e "$ready" ]; do
  kill -0 "$!" || exit 1
  sleep 0.1
done

# From now on, every dynamically linked program loads libfaketime, whatever its environment. Only now: otherwise root would
# own its shared memory.
for library in /usr/lib/*/faketime/libfaketimeMT.so.1; do :; done
printf '%s\n' "$offset" >/etc/faketimerc
printf '%s\n' "$library" >/etc/ld.so.preload
: >"$begin"
wait "$!"
