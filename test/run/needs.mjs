import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

/** Programs that the tests call, in addition to a build's, by Debian package. */
const PROGRAMS = {
  bzip2: ['bzip2'],
  'busybox-static': ['busybox'],
  'chromium-headless-shell': ['chromium-headless-shell'],
  dash: ['dash'],
  debootstrap: ['debootstrap'],
  'diffoscope-minimal': ['diffoscope'],
  e2fsprogs: ['mke2fs'],
  faketime: ['faketime'],
  fish: ['fish'],
  git: ['git'],
  gnupg: ['gpg'],
  gpgv: ['gpgv'],
  'groff-base': ['groff'],
  iproute2: ['ip'],
  'ksh93u+m': ['ksh93'],
  make: ['make'],
  mandoc: ['mandoc'],
  'mariadb-client-core': ['mariadb'],
  'mariadb-server-core': ['mariadbd', 'mariadb-install-db'],
  minisign: ['minisign'],
  mksh: ['mksh'],
  openssl: ['openssl'],
  patch: ['patch'],
  perl: ['perl'],
  python3: ['python3'],
  'qemu-system-x86': ['qemu-system-x86_64'],
  shellcheck: ['shellcheck'],
  strace: ['strace'],
  'systemd-container': ['systemd-nspawn'],
  'util-linux': ['unshare', 'nsenter', 'mount', 'setpriv'],
  'xz-utils': ['xz'],
  yash: ['yash'],
  zsh: ['zsh'],
  zstd: ['zstd'],
};

/** For root only: their directories may be missing in PATH. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Debian packages that the tests need and this machine lacks, sorted. */
export async function missingPackages() {
  const missing = new Set();
  for (const [name, programs] of Object.entries(PROGRAMS)) {
    for (const program of programs) if (!(await isOnPath(program))) missing.add(name);
  }
  if (!(await hasVenv())) missing.add('python3-venv');
  if (!(await isThere(KEYRING, constants.R_OK))) missing.add('debian-archive-keyring');
  return [...missing].sort((a, b) => (a < b ? -1 : 1));
}

/** debootstrap's keyring for Debian's archive. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Whether Python can make the virtual environment for ruff; a separate package in Debian. */
async function hasVenv() {
  return promisify(execFile)('python3', ['-c', 'import ensurepip, venv']).then(
    () => true,
    () => false,
  );
}

async function isOnPath(program) {
  const directories = (process.env['PATH'] ?? '').split(path.delimiter);
  for (const directory of [...directories, ...SYSTEM_DIRECTORIES]) {
    if (await isThere(path.join(directory, program), constants.X_OK)) return true;
  }
  return false;
}

async function isThere(file, mode) {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(`${(await missingPackages()).join(' ')}\n`);
