/** Package managers with known install commands. */
export const PACKAGE_MANAGERS = ['apt', 'dnf', 'zypper'] as const;
export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

/** How to get a tool's version. */
export interface VersionProbe {
  readonly parameters: readonly string[];
  /** Its first group is the version. */
  readonly pattern: RegExp;
  /** Minimum version. */
  readonly minimum?: string;
}

/** A program of the host that a build uses. */
export interface HostTool {
  readonly name: string;
  /** Completes the sentence "it is needed …". */
  readonly why: string;
  readonly version?: VersionProbe;
  /** Perl modules that must load; only for `perl`. */
  readonly modules?: readonly string[];
  readonly packages: Readonly<Record<PackageManager, string>>;
}

const GNU_VERSION: VersionProbe = { parameters: ['--version'], pattern: /(\d+(?:\.\d+)+)/ };

/**
 * Modules that OpenSSL 3.5's Configure, its Makefile's generators and `util/*.pl` load, as traced with `%INC`. All come with
 * Perl itself, but distributions split them off: see NOTES-PERL.md in OpenSSL's sources.
 */
const OPENSSL_PERL_MODULES = [
  'Cwd',
  'Encode',
  'File::Basename',
  'File::Compare',
  'File::Copy',
  'File::Find',
  'File::Glob',
  'File::Path',
  'File::Spec::Functions',
  'FileHandle',
  'FindBin',
  'Getopt::Long',
  'Getopt::Std',
  'IPC::Cmd',
  'List::Util',
  'Module::Load::Conditional',
  'POSIX',
  'Pod::Usage',
  'Scalar::Util',
  'Storable',
  'Text::ParseWords',
  'Time::HiRes',
  'Time::Local',
  'Time::Piece',
] as const;

/** Programs of the coreutils package that configure scripts, makefiles and libtool call. */
const COREUTILS = [
  'basename',
  'cat',
  'chmod',
  'cksum',
  'comm',
  'cp',
  'cut',
  'date',
  'dd',
  'dirname',
  'echo',
  'env',
  'expr',
  'false',
  'head',
  'id',
  'install',
  'join',
  'ln',
  'ls',
  'md5sum',
  'mkdir',
  'mkfifo',
  'mktemp',
  'mv',
  'nproc',
  'od',
  'paste',
  'printf',
  'pwd',
  'readlink',
  'rm',
  'rmdir',
  'sha256sum',
  'sleep',
  'sort',
  'split',
  'stat',
  'tail',
  'tee',
  'test',
  'touch',
  'tr',
  'true',
  'tsort',
  'uname',
  'uniq',
  'wc',
] as const;

function same(name: string): HostTool['packages'] {
  return { apt: name, dnf: name, zypper: name };
}

function coreutil(name: string): HostTool {
  return { name, why: 'to run configure scripts and makefiles', packages: same('coreutils') };
}

/**
 * Tools that isolate build steps: namespaces, mounts, and dropping of privileges. Without them a build runs with a
 * warning.
 */
export const CONFINEMENT_TOOLS: readonly HostTool[] = [
  ...['unshare', 'pivot_root', 'setpriv'].map((name) => ({
    name,
    why: 'to isolate build steps',
    packages: same('util-linux'),
  })),
  ...['mount', 'umount'].map((name) => ({
    name,
    why: 'to isolate build steps',
    packages: { apt: 'mount', dnf: 'util-linux', zypper: 'util-linux' },
  })),
  { name: 'sh', why: 'to isolate build steps', packages: { apt: 'dash', dnf: 'bash', zypper: 'bash' } },
  ...['env', 'mkdir', 'ln'].map(coreutil),
];

/** For `ksbundle delta` and `apply`; `--patch-from` exists since 1.4.5. */
export const ZSTD: HostTool = {
  name: 'zstd',
  why: 'to make and apply deltas',
  version: { parameters: ['--version'], pattern: /v(\d+(?:\.\d+)+)/, minimum: '1.4.5' },
  packages: same('zstd'),
};

/** Signs and verifies with ML-DSA keys, which exist since 3.5. */
export const OPENSSL: HostTool = {
  name: 'openssl',
  why: 'to sign and to verify with ML-DSA keys',
  version: { parameters: ['version'], pattern: /OpenSSL (\d+(?:\.\d+)+)/, minimum: '3.5.0' },
  packages: same('openssl'),
};

/**
 * The list of the host's programs that a build may use. The build's PATH contains exactly these and the toolchain; a
 * recipe that calls any other program fails on every machine.
 */
export const HOST_TOOLS: readonly HostTool[] = [
  {
    name: 'make',
    why: 'to compile every component that has a makefile',
    version: { parameters: ['--version'], pattern: /GNU Make (\d+(?:\.\d+)+)/, minimum: '3.81' },
    packages: same('make'),
  },
  {
    name: 'perl',
    why: "to run OpenSSL's Configure",
    version: { parameters: ['-e', 'printf "%vd", $^V'], pattern: /^(\d+(?:\.\d+)+)/, minimum: '5.10.0' },
    // The last unpacks the command of RabbitMQ; it comes with Perl, too.
    modules: [...OPENSSL_PERL_MODULES, 'IO::Uncompress::Unzip'],
    packages: { apt: 'perl', dnf: 'perl-core', zypper: 'perl' },
  },
  {
    name: 'sh',
    why: 'to run configure scripts and steps',
    packages: { apt: 'dash', dnf: 'bash', zypper: 'bash' },
  },
  { name: 'sed', why: 'to run configure scripts', version: GNU_VERSION, packages: same('sed') },
  { name: 'awk', why: 'to run configure scripts', packages: { apt: 'mawk', dnf: 'gawk', zypper: 'gawk' } },
  { name: 'grep', why: 'to run configure scripts', version: GNU_VERSION, packages: same('grep') },
  { name: 'egrep', why: 'to run older configure scripts', packages: same('grep') },
  { name: 'fgrep', why: 'to run older configure scripts', packages: same('grep') },
  { name: 'find', why: 'to install components', version: GNU_VERSION, packages: same('findutils') },
  { name: 'xargs', why: 'to install components', packages: same('findutils') },
  { name: 'cmp', why: 'to compare generated files', packages: same('diffutils') },
  { name: 'diff', why: 'to compare generated files', version: GNU_VERSION, packages: same('diffutils') },
  { name: 'patch', why: "to apply the recipes' patches", version: GNU_VERSION, packages: same('patch') },
  {
    name: 'xz',
    why: 'to unpack .tar.xz sources',
    version: GNU_VERSION,
    packages: { apt: 'xz-utils', dnf: 'xz', zypper: 'xz' },
  },
  {
    name: 'bzip2',
    why: 'to unpack .tar.bz2 sources',
    version: { parameters: ['--help'], pattern: /Version (\d+(?:\.\d+)+)/ },
    packages: same('bzip2'),
  },
  ...COREUTILS.map(coreutil),
];
