/**
 * The shell program that sets up a confinement. It runs in new namespaces, with the right to mount, before the confined
 * program. Its own environment is that of ksbundle; the program gets its environment from `env`. Parameters: the
 * directory that becomes the root; the start directory; links, as pairs of path and target; readable paths; writable
 * paths; and the program with its environment. Each list but the last ends with `--`. Parent directories come before
 * the paths inside them.
 *
 * The new root is a tmpfs into which the paths are mounted; the old root is unmounted. Then everything except the
 * writable paths becomes read-only, and all rights are dropped for good. This shell remains the first process of its
 * namespace: when it ends, the kernel ends all others.
 */
export const CONFINEMENT_SCRIPT = String.raw`
set -eu
umask 022
root=$1 directory=$2
shift 2
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root"
cd "$root"
mkdir -p proc tmp dev/shm etc
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
while [ "$1" != -- ]; do
  ln -s "$2" ".$1"
  shift 2
done
shift
show() {
  [ -e "$1" ] || {
    echo "there is no $1" >&2
    exit 1
  }
  if [ -d "$1" ]; then
    mkdir -p ".$1"
  else
    mkdir -p ".${'$'}{1%/*}"
    : >".$1"
  fi
  mount --rbind "$1" ".$1"
}
while [ "$1" != -- ]; do
  show "$1"
  shift
done
shift
writable='
/tmp
/dev/shm
'
while [ "$1" != -- ]; do
  show "$1"
  writable="$writable$1
"
  shift
done
shift
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
echo 'root:x:0:0:root:/:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
echo '127.0.0.1 localhost' >etc/hosts
pivot_root . .
umount -l .
cd /
while read -r _ _ _ _ point options _; do
  case "$writable" in
    *"
$point
"*) ;;
    *) mount -o "remount,bind,$options,ro" "$point" ;;
  esac
done </proc/self/mountinfo
cd "$directory"
setpriv --no-new-privs --bounding-set=-all --inh-caps=-all env -i "$@" && exit 0
exit
`;
