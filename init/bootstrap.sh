#!/bin/sh
# Installs and runs an instance of the release that contains this script. Checks the release, then starts the
# installer package on the release's own Python. See: init/bootstrap.sh --help
#
# Uses only features that dash, bash --posix, busybox ash, mksh, yash and ksh93 have in common. All code is in
# functions, so that a shell reads the whole file before it runs anything.

# Prints an error: what, why, what to do; one line each.
complain() {
  printf 'error: %s\n' "$(one_line "$1")" >&2
  [ -z "$2" ] || printf '  why: %s\n' "$(one_line "$2")" >&2
  [ -z "$3" ] || printf '  do: %s\n' "$(one_line "$3")" >&2
}

# Prints its input below an error, line by line.
details() {
  visible '\n' '  | ' >&2
}

one_line() {
  case $1 in
    *[!a-zA-Z0-9\ ._,:\;/\(\)\'+=-]*) printf '%s\n' "$1" | visible '\\x0a' '' ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# Copies lines with control characters escaped: ESC as \x1b, U+202E as \u202e, like the installer (report.py).
# Parameters: the text between lines, in awk's syntax, and the text before each. Without awk, keeps only ASCII.
visible() {
  if ! command -v awk >/dev/null 2>&1; then
    LC_ALL=C tr '\001-\011\013-\037\177-\377' '[?*]' 2>/dev/null || echo '(awk is needed to show this)'
    return
  fi
  # shellcheck disable=SC2016 # The variables are those of awk.
  LC_ALL=C awk -v between="$1" -v before="$2" '
    # The bytes of the character at position i, if they are one; sets code to its number.
    function width(text, i,   size, k, next_byte) {
      code = number[substr(text, i, 1)]
      if (code < 128) return 1
      size = code < 194 ? 0 : code < 224 ? 2 : code < 240 ? 3 : code < 245 ? 4 : 0
      if (size == 0) return 0
      code -= size == 2 ? 192 : size == 3 ? 224 : 240
      for (k = 1; k < size; k++) {
        next_byte = number[substr(text, i + k, 1)]
        if (next_byte < 128 || next_byte > 191) return 0
        code = code * 64 + next_byte - 128
      }
      return size
    }
    function obeyed(code) {
      return code < 32 || (code > 126 && code < 160) || code == 1564 || code == 8206 || code == 8207 ||
        (code > 8231 && code < 8239) || (code > 8293 && code < 8298)
    }
    BEGIN {
      for (n = 0; n < 256; n++) number[sprintf("%c", n)] = n
    }
    {
      shown = ""
      for (i = 1; i <= length($0); i += size > 0 ? size : 1) {
        size = width($0, i)
        if (size == 0) shown = shown sprintf("\\x%02x", number[substr($0, i, 1)])
        else if (obeyed(code)) shown = shown sprintf((code < 256 ? "\\x%02x" : "\\u%04x"), code)
        else shown = shown substr($0, i, size)
      }
      printf("%s%s%s", (NR > 1 ? between : ""), before, shown)
    }
    END { if (NR > 0) print "" }'
}

# The caller's environment must not change what the release's programs load, or how this script splits words.
# The locale is set for single programs only: yash cannot handle a path like /srv/stöne once it is C.
clean_environment() {
  unset CDPATH ENV BASH_ENV GLIBC_TUNABLES GCONV_PATH LOCPATH NLSPATH MALLOC_TRACE LD_PRELOAD LD_LIBRARY_PATH
  unset LD_AUDIT LD_BIND_NOW LD_DEBUG LD_DEBUG_OUTPUT LD_ORIGIN_PATH LD_PROFILE LD_PROFILE_OUTPUT LD_SHOW_AUXV
  unset LD_USE_LOAD_BIAS LD_VERBOSE LD_TRACE_LOADED_OBJECTS LANGUAGE POSIXLY_CORRECT
  unset OPENSSL_ENGINES OPENSSL_MODULES SSL_CERT_DIR SSL_CERT_FILE SSLKEYLOGFILE
  OPENSSL_CONF=/dev/null
  export OPENSSL_CONF
  PATH=/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}
  export PATH
  umask 022
}

# Sets `release` to the directory above this script's own, symbolic links followed.
find_release() {
  self=$0
  case $self in
    */*) ;;
    *) self=./$self ;;
  esac
  hops=0
  while [ -h "$self" ]; do
    hops=$((hops + 1))
    if [ "$hops" -gt 40 ] || ! target=$(readlink "$self"); then
      why=
      command -v readlink >/dev/null 2>&1 || why="the program readlink is missing"
      complain "cannot follow the symbolic link $self" "$why" "run bootstrap.sh by its own path"
      exit 3
    fi
    case $target in
      /*) self=$target ;;
      *) self=${self%/*}/$target ;;
    esac
  done
  # The x keeps a line break at the end of the name, which command substitution would drop.
  if ! release=$(cd "${self%/*}/.." 2>/dev/null && pwd -P && echo x); then
    complain "cannot enter the release" "a directory above $self is closed to this user" "run it as another user, or move the release"
    exit 3
  fi
  release=${release%?x}
}

# Compares the release's files with SHA256SUMS, in two halves at the same time. May leave the packages of Python to the
# installer, which runs without them and compares them in half the time, before anything loads one.
# Fails unless both halves are complete: sha256sum does not understand the colon that an interrupted sed leaves.
compare_bytes() {
  if ! has sed; then
    sha256sum -c SHA256SUMS
    return
  fi
  left='/^$/d'
  [ "$packages" = checked ] || left='/^.\{66\}lib\/python[^\/]*\/site-packages\//d'
  { sed -n -e "$left" -e '/^[0-7]/p' SHA256SUMS || echo :; } | sha256sum -c &
  { sed -n -e "$left" -e '/^[0-7]/!p' SHA256SUMS || echo :; } | sha256sum -c
  rest=$?
  wait "$!" && return "$rest"
}

# Refuses a release with a file that differs from the packed one.
check_bytes() {
  # sha256sum only warns about invalid lines, on stderr: an empty stderr is part of the proof.
  if noise=$(cd "$release" && LC_ALL=C && export LC_ALL && compare_bytes 2>&1 >/dev/null) && [ -z "$noise" ]; then
    return
  fi
  differing=$(cd "$release" && LC_ALL=C sha256sum -c SHA256SUMS 2>&1 | visible '\n' '' | while IFS= read -r line; do
    case $line in
      *': OK') ;;
      *) printf '%s\n' "$line" ;;
    esac
  done)
  what="the release is not as it was packed"
  why="these files differ from SHA256SUMS:"
  hint="unpack the tarball again; nothing was changed here"
  [ "$json" = no ] || tell_in_json "$what" "$why" "$hint" "$differing"
  complain "$what" "$why" ""
  printf '%s\n' "$differing" | while IFS= read -r line; do
    printf '  | %s\n' "$line" >&2
  done
  printf '  do: %s\n' "$hint" >&2
  exit 4
}

# Sets `python` to the release's interpreter: the file itself, because the link to it is not checked yet.
find_python() {
  python=$release/bin/python3
  [ -f "$release/SHA256SUMS" ] && [ -r "$release/SHA256SUMS" ] || return
  while IFS= read -r line; do
    case $line in
      *'  bin/python3.'*)
        python=$release/${line#*  }
        return
        ;;
    esac
  done <"$release/SHA256SUMS"
}

# Refuses a release that the owner of $public_key did not sign, before any of its programs runs. Uses the host's
# openssl, because a release cannot verify itself. This script itself is proven only if it was verified before it ran.
check_signature() {
  if [ ! -r "$public_key" ] || [ -d "$public_key" ]; then
    complain "cannot read the public key '$public_key'" "" "give --require-signature the .pub file, or the certificate, of the signer of your releases"
    exit 2
  fi
  if ! command -v openssl >/dev/null 2>&1; then
    complain "the program openssl is missing" "--require-signature uses the host's openssl" "install openssl, or verify the tarball on a machine that has it, as docs/verification.md says"
    exit 3
  fi
  if is_mldsa; then
    check_mldsa
    return
  fi
  if [ ! -f "$release/SHA256SUMS.sig" ]; then
    refuse_signature "the release is not signed" "there is no SHA256SUMS.sig" ""
  fi
  certificate=no
  if host_openssl x509 -in "$public_key" -noout; then
    certificate=yes
    check_certificate
  fi
  # Keys on P-256 sign SHA-256; keys on P-384 sign SHA-384.
  if signed_digest sha256 || signed_digest sha384; then return; fi
  refuse_signature "the release was not signed with this key" "SHA256SUMS.sig does not match SHA256SUMS and $public_key" ""
}

# Whether $public_key is an ML-DSA key: the first line of base64 contains the algorithm, so this needs no openssl that
# supports it.
is_mldsa() {
  while IFS= read -r line; do
    case $line in MII???ALBglghkgBZQMEAx[EIM]*) return 0 ;; esac
  done <"$public_key"
  return 1
}

# Like check_signature, for the second signature, which OpenSSL 3.5 and later can verify.
check_mldsa() {
  case $(host_openssl list -signature-algorithms) in
    *ML-DSA*) ;;
    *)
      complain "this host's openssl cannot verify ML-DSA" "'$public_key' is an ML-DSA key, which takes OpenSSL 3.5 or later; this is $(host_openssl version)" \
        "give --require-signature the ECDSA key of the signer of your releases, or verify the tarball on a machine with a newer openssl, as docs/verification.md says"
      exit 3
      ;;
  esac
  if [ ! -f "$release/SHA256SUMS.mldsa.sig" ]; then
    refuse_signature "the release is not signed with ML-DSA" "there is no SHA256SUMS.mldsa.sig" ""
  fi
  host_openssl pkeyutl -verify -rawin -pubin -inkey "$public_key" -in "$release/SHA256SUMS" \
    -sigfile "$release/SHA256SUMS.mldsa.sig" >/dev/null && return
  refuse_signature "the release was not signed with this key" "SHA256SUMS.mldsa.sig does not match SHA256SUMS and $public_key" ""
}

# Whether $public_key made the signature over this kind of digest.
signed_digest() {
  if [ "$certificate" = no ]; then
    host_openssl dgst "-$1" -verify "$public_key" -signature "$release/SHA256SUMS.sig" "$release/SHA256SUMS" >/dev/null
    return
  fi
  # `dgst` takes no certificate, and an old `pkeyutl` reports a wrong signature only in its output.
  [ "$(host_openssl dgst "-$1" -binary "$release/SHA256SUMS" |
    host_openssl pkeyutl -verify -certin -inkey "$public_key" -pkeyopt "digest:$1" -sigfile "$release/SHA256SUMS.sig")" \
    = "Signature Verified Successfully" ]
}

# Refuses a certificate that is expired or not yet valid by this host's clock. Does not check its issuer: the operator
# chose to trust it.
check_certificate() {
  host_openssl verify -partial_chain -trusted "$public_key" "$public_key" >/dev/null && return
  refuse_signature "the certificate of the key is not valid now" "" "$(host_openssl x509 -in "$public_key" -noout -dates)
now=$(LC_ALL=C date -u '+%b %e %H:%M:%S %Y GMT')"
}

# Runs the host's openssl with the host's settings, which clean_environment hides from all other programs.
host_openssl() {
  (unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES && exec openssl "$@") 2>/dev/null
}

# Prints what is wrong, why, what to do, and lines with places; exits with 4.
refuse() {
  [ "$json" = no ] || tell_in_json "$1" "$2" "$3" "$4"
  complain "$1" "$2" ""
  [ -z "$4" ] || printf '%s\n' "$4" | show_first | details
  printf '  do: %s\n' "$(one_line "$3")" >&2
  exit 4
}

# Prints what is wrong, why, what to do, and lines with places, in the installer's form for --json.
tell_in_json() {
  lines=$([ -z "$4" ] || printf '%s\n' "$4" | show_first | visible '\n' '' | json_strings)
  printf '{"ok": false, "problems": [{"what": %s, "where": %s, "why": %s, "hint": %s, "details": [%s]}]}\n' \
    "$(one_line "$1" | json_strings)" "$(one_line "$release" | json_strings)" "$(one_line "$2" | json_strings)" \
    "$(one_line "$3" | json_strings)" "$lines"
}

# Prints lines, which contain no control characters, as JSON strings.
json_strings() {
  between=
  while IFS= read -r rest; do
    quoted=
    while :; do
      plain=${rest%%[\"\\]*}
      quoted=$quoted$plain
      rest=${rest#"$plain"}
      case $rest in
        '') break ;;
        \"*) quoted=$quoted'\"' ;;
        *) quoted="$quoted\\\\" ;;
      esac
      rest=${rest#?}
    done
    printf '%s"%s"' "$between" "$quoted"
    between=', '
  done
}

refuse_signature() {
  refuse "$1" "$2" "do not run it; get the release again from its signer" "$3"
}

# Prints the first 20 lines of its input.
show_first() {
  shown=0
  while IFS= read -r line; do
    shown=$((shown + 1))
    [ "$shown" -le 20 ] || line=…
    [ "$shown" -gt 21 ] || printf '%s\n' "$line"
  done
}

# Prints a word quoted for a shell.
quote() {
  rest=$1
  quoted=
  while :; do
    case $rest in
      *\'*)
        quoted=$quoted${rest%%\'*}"'\\''"
        rest=${rest#*\'}
        ;;
      *) break ;;
    esac
  done
  printf "'%s'" "$quoted$rest"
}

# Sets `missing` to the first of these programs that the host lacks, and then fails.
has() {
  for missing; do
    command -v "$missing" >/dev/null 2>&1 || return
  done
}

# Whether this name in the release's directory is an instance that contains no packed file.
is_instance() {
  [ "$1" != instance ] && [ "$1" != instance.left ] || return 0
  [ "$require" = no ] && [ -d "$1" ] && [ ! -h "$1" ] && [ -f "$1/lock" ] && [ -r SHA256SUMS ] || return
  while IFS= read -r line; do
    case $line in *"  $1/"*) return 1 ;; esac
  done <SHA256SUMS
}

# Runs find in the release, without instances. Does not leave out an instance whose name find would read as a pattern.
look() (
  cd "$release" || exit
  set -- \) -prune -o "$@"
  for entry in * .[!.]*; do
    case $entry in
      *[][*?\\]*) ;;
      *) ! is_instance "$entry" || set -- -o -path "./$entry" "$@" ;;
    esac
  done
  LC_ALL=C find . \( -name . -path ./instance "$@"
)

# Sets `outside` to the overflow user, as whom a user namespace shows each owner it does not map: such an owner is
# outside the container and could change its files anyway. Else, or if the namespace maps that id, sets it to root. mksh
# counts to 2^31.
find_outside() {
  outside=0
  # Read by cat: the kernel returns this file in one read only, and some shells read byte by byte.
  overflow=$(cat /proc/sys/kernel/overflowuid 2>/dev/null)
  case $overflow in '' | *[!0-9]*) return 0 ;; esac
  [ -r /proc/self/uid_map ] || return 0
  # shellcheck disable=SC2034 # The ids outside do not matter.
  while read -r first beyond count; do
    case $first:$count in
      *:?????????*) return 0 ;;
      ?????????*:*) continue ;;
    esac
    [ "$overflow" -lt "$first" ] || [ "$((overflow - first))" -ge "$count" ] || return 0
  done </proc/self/uid_map
  outside=$overflow
}

# Runs find, with these actions, on everything that no release may contain: names with control characters, which would
# break a list of lines; and, if root runs it, everything that another user could change. Ignores modes of links.
look_for_faults() {
  if [ "$root" = yes ]; then
    look \( -name '*[[:cntrl:]]*' -o ! -user 0 ! -user "$outside" -o ! -type l \( -perm -020 -o -perm -002 \) \) "$@"
  else
    look -name '*[[:cntrl:]]*' "$@"
  fi
}

check_faults() {
  has find || return 0
  odd=$(look_for_faults -print) || refuse "cannot search the release" "find failed" "unpack the tarball again" ""
  [ -n "$odd" ] || return 0
  odd=$(look -name '*[[:cntrl:]]*' -print)
  [ -z "$odd" ] || refuse "the release contains names with control characters" "nothing was packed under such a name" \
    "unpack the tarball again, into a new directory" "$odd"
  mend="chown -R root: $(quote "$release") && chmod -R go-w $(quote "$release")"
  [ ! -e "$release/instance" ] || mend="cd $(quote "$release") && find . -path ./instance -prune -o -exec chown -h 0:0 {} + && find . -path ./instance -prune -o ! -type l -exec chmod go-w {} +"
  refuse_foreign "another user can change the release, and root would run it" \
    "unpack the tarball again as root, into a new directory; or, if you trust everyone who could have changed it, $mend" \
    "$(look_for_faults -exec ls -ld {} +)"
}

# Refuses to run a release as root if another user can replace it through a directory above it.
check_above() {
  has find && [ "$root" = yes ] || return 0
  directory=$release
  set --
  while [ -n "$directory" ]; do
    directory=${directory%/*}
    set -- "$@" "${directory:-/}"
  done
  # In a sticky directory, users cannot replace files of other users.
  odd=$(LC_ALL=C find "$@" -prune \( ! -user 0 ! -user "$outside" -o ! -perm -1000 \( -perm -020 -o -perm -002 \) \) -exec ls -ld {} +)
  [ -z "$odd" ] || refuse_foreign "another user can replace the release, and root would run it" \
    "move the release to a place where only root can write: mv $(quote "$release") /opt/; or close the directories: chown 0:0, chmod go-w" \
    "$odd"
}

refuse_foreign() {
  refuse "$1" "they belong to another user, or others can write to them:" "$2" "$3"
}

# The contents according to checksums and manifest: names of files, links with their targets.
list_packed() {
  printf '%s\n' SHA256SUMS
  for unlisted in SHA256SUMS.sig SHA256SUMS.mldsa.sig; do
    [ ! -f "$unlisted" ] || printf '%s\n' "$unlisted"
  done
  cut -b 67- SHA256SUMS
  LC_ALL=C sed -n 's/^ *{"path":"\([^"]*\)","part":"[^"]*","target":"\([^"]*\)"},*$/\1 -> \2/p' manifest.json
} 2>/dev/null

# The actual contents, in the same form; "$@" starts find's expression.
list_found() {
  # shellcheck disable=SC2016 # The shell that find starts fills it in.
  "$@" ! -type d ! -type f -exec sh -c 'for link; do printf "%s -> %s\n" "$link" "$(readlink "$link")"; done' sh {} + -o \
    -type f -print | LC_ALL=C sed 's,^\./,,'
}

# Refuses files that the checksums do not list, and links that the manifest does not list: Python would run some of
# them. Compares digests of all sorted lines. A fault is listed twice, so the digests differ.
check_listing() {
  if ! has find cut sed sort readlink; then
    [ "$require" = no ] || {
      complain "the program $missing is missing" "--require-signature needs it" "install it"
      exit 3
    }
    count_files
    return
  fi
  packed=$(cd "$release" && list_packed | LC_ALL=C sort | sha256sum)
  found=$(list_found look_for_faults -print -print -o | LC_ALL=C sort | sha256sum)
  if [ "$packed" = "$found" ] && [ "$found" != "$(sha256sum </dev/null)" ]; then return; fi
  check_faults
  refuse_listing "$(cd "$release" && { list_packed; list_found look; } | LC_ALL=C sort | LC_ALL=C uniq -u)"
}

refuse_listing() {
  refuse "the release is not as it was packed" "${2:-these were added, removed or changed, or SHA256SUMS was:}" \
    "unpack the tarball again, into a new directory: over this one, added files would stay" "$1"
}

# The same for a host with little more than a shell: check_bytes finds every listed file, so equal numbers mean that
# none was added. The installer checks the rest.
count_files() {
  count=1
  while IFS= read -r line; do count=$((count + 1)); done <"$release/SHA256SUMS"
  while IFS= read -r line; do
    case $line in *'","target":"'*) count=$((count + 1)) ;; esac
  done <"$release/manifest.json"
  for unlisted in SHA256SUMS.sig SHA256SUMS.mldsa.sig; do
    [ ! -f "$release/$unlisted" ] || count=$((count + 1))
  done
  found=$(cd "$release" && count_below . && echo "$there")
  [ "$count" = "$found" ] || refuse_listing "" "files and links: $found, packed: $count"
}

count_below() {
  [ "$1" != . ] || there=0
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -d "$entry" ] && [ ! -h "$entry" ]; then
      case ${entry#./} in
        */*) count_below "$entry" ;;
        *) is_instance "${entry#./}" || count_below "$entry" ;;
      esac
    elif [ -e "$entry" ] || [ -h "$entry" ]; then
      there=$((there + 1))
    fi
  done
}

# For commands that must work in a damaged release: refuses files that were added to the directories of their code.
# Accepts a damaged or missing list: a file in either list was packed.
check_additions() {
  check_faults
  has find cut sed sort uniq readlink || return 0
  [ -r "$release/SHA256SUMS" ] || [ -r "$release/manifest.json" ] || return 0
  odd=$(cd "$release" && {
    { list_packed; cut -d '"' -f 4 manifest.json; } 2>/dev/null | LC_ALL=C sed p
    list_found look
  } | LC_ALL=C sort | LC_ALL=C uniq -u |
    LC_ALL=C sed -n -e '/^lib\/python[^/]*\/site-packages\//d' -e '/^bin\//p' -e '/^init\//p' -e '/^lib\//p')
  [ -z "$odd" ] || refuse_listing "$odd"
}

# Refuses a host that cannot run the release's programs.
check_machine() {
  noise=$(LC_ALL=C "$python" -X utf8 -I -S -c 'import sys; sys.prefix.encode()' 2>&1) && return
  if [ ! -e /proc/self/exe ]; then
    complain "/proc is not mounted" "programs of the release find their libraries through it" "mount -t proc proc /proc"
    exit 3
  fi
  hint="use a release for this machine"
  case $noise in
    *'surrogates not allowed'*)
      why="the path of the release is not UTF-8, and Python cannot load libraries from it"
      hint="move the release"
      noise=
      ;;
    *GLIBC_*)
      why="this host's C library is older than the release needs"
      hint="use a newer host, or a release for an older glibc"
      ;;
    *'xec format'*)
      why="the release is for another kind of processor; this one is $(uname -m)"
      hint="use a release for this processor"
      ;;
    *ermission*)
      why="its file system is mounted noexec, or the file may not be executed by this user"
      hint="move the release to a file system that allows execution, such as /opt, or run it as another user"
      ;;
    *'not found'* | *'o such file'*)
      why="this host has no glibc, or it is for another kind of processor: $(uname -m)"
      hint="use a host with glibc, or a release for this processor"
      ;;
    *) why="it ends with: $noise" ;;
  esac
  complain "cannot run $python" "$why" "$hint"
  [ -z "$noise" ] || printf '%s\n' "$noise" | details
  exit 3
}

main() {
  for number in 1 2 15; do
    # shellcheck disable=SC2064 # The number is meant to be filled in now.
    trap "exit $((128 + number))" "$number"
  done
  clean_environment
  find_release
  find_python
  json=no
  root=no
  if has id; then
    case $(id -u) in
      0 | '') root=yes ;;
    esac
  fi
  check=yes
  require=no
  # Removes --require-signature from the arguments: the code that it checks must not see it.
  count=$#
  while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case $argument in
      --require-signature)
        require=yes
        public_key=${1-}
        if [ "$count" -gt 0 ]; then
          shift
          count=$((count - 1))
        fi
        ;;
      --require-signature=*)
        require=yes
        public_key=${argument#*=}
        ;;
      *) set -- "$@" "$argument" ;;
    esac
  done
  for argument; do
    case $argument in
      --json) json=yes ;;
      --help | -h | --version | -V | help) check=no ;;
    esac
  done
  case ${1-} in
    stop | status | show-config | maintain) check=no ;;
  esac
  find_outside
  check_above
  [ "$require" = no ] || check_signature
  if [ "$require" = no ] && [ "$check" = no ]; then
    check_additions
  else
    if ! has sha256sum; then
      complain "the program sha256sum is missing" "the release is checked before it is run" "install coreutils or busybox"
      exit 3
    fi
    check_listing
    # The installer compares nothing for some commands, but a signature covers every byte.
    packages=left
    if [ "$require" = yes ] || ! has sed; then packages=checked; fi
    check_bytes
    [ "$packages" = checked ] || set -- --compare-packages "$@"
  fi
  check_machine
  trap - 1 2 15
  exec "$python" -X utf8 -I -S -B "$release/init/installer" "$@"
}

main "$@"
