/**
 * Shell program behind a confinement. It runs in new namespaces, with the right to mount, and before anything of the confined program does: its
 * environment is ours, and that of the program comes with `env`. Parameters: the directory that becomes the root; the
 * directory to start in; links as pairs of path and target; paths that are seen; paths that may be written, too; and the
 * program with its environment. Each list but the last ends with `--`. Parents come before what lies in them.
 *
 * The new root is memory, with what is seen mounted into it; the old one is let go. Then all is read-only but what may be written, and the
 * rights are dropped for good. This shell stays as the first process of its namespace: when it ends, the kernel ends all others.
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
