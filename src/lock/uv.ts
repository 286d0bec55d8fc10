import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compareGlibc, formatPlatform, type GlibcVersion, type Platform } from '../domain/platform.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { run, type RunResult } from '../io/process.ts';

/** How uv is run. */
export interface Uv {
  /** Absolute path of the executable; called only if there is something to resolve. */
  readonly executable: () => Promise<string>;
  /** Directory for downloaded metadata; it can be deleted at any time. */
  readonly cacheDirectory: string;
  /**
   * Base addresses of simple indexes (PEP 503), the main one first; if empty, uv uses its default and its variables.
   */
  readonly indexes?: readonly string[];
  /** Whether to use only the contents of the cache directory. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

/** The inputs of a resolution; every text is a requirements file. */
export interface Resolution extends Target {
  readonly requirements: string;
  readonly constraints: string;
  readonly excludes: string;
  /** Pins to keep if the rest allows it. */
  readonly preferences: string;
}

/** The target that files must match. */
interface Target {
  /** Distributions that are built from source, which need no wheel. */
  readonly built: readonly string[];
  /** `<distribution>=<RFC 3339 time>`: later files of it are ignored. */
  readonly notAfter: readonly string[];
  /** Full version of CPython. */
  readonly python: string;
  readonly platform: Platform;
}

/**
 * glibc floors for which uv 0.13 has a `--python-platform`, as minor versions of glibc 2; from `uv pip compile
 * --help`.
 */
const UV_FLOORS = [17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40];

/** Connection settings of the host that uv may see. Nothing that could change a resolution is passed on. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'NETRC',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'UV_SYSTEM_CERTS',
  'UV_NATIVE_TLS',
  'UV_HTTP_TIMEOUT',
  'UV_HTTP_RETRIES',
  'UV_INSECURE_HOST',
  'UV_DEFAULT_INDEX',
  'UV_INDEX_URL',
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
];

/**
 * Chooses one version of everything, as requirements with `# via` annotations. Resolves to the failed run if uv finds
 * no solution or cannot work.
 */
export async function compileRequirements(
  uv: Uv,
  resolution: Resolution,
  directory: string,
): Promise<{ readonly text: string } | { readonly failure: RunResult }> {
  const output = 'resolved.txt';
  const files = {
    'requirements.txt': resolution.requirements,
    'constraints.txt': resolution.constraints,
    'excludes.txt': resolution.excludes,
    [output]: resolution.preferences,
  };
  await Promise.all(Object.entries(files).map(([file, text]) => writeFile(path.join(directory, file), text)));
  return compile(uv, { directory, output }, [
    'requirements.txt',
    '--constraints',
    'constraints.txt',
    '--excludes',
    'excludes.txt',
    '--annotation-style',
    'split',
    ...targetFlags(resolution),
  ]);
}

/** Lists the files that the index has for exactly these pins, as `pylock.toml`. */
export async function listFiles(
  uv: Uv,
  resolution: Target & { readonly pins: string },
  directory: string,
): Promise<{ readonly text: string } | { readonly failure: RunResult }> {
  await writeFile(path.join(directory, 'pins.txt'), resolution.pins);
  return compile(uv, { directory, output: 'pylock.toml' }, [
    'pins.txt',
    '--no-deps',
    '--format',
    'pylock.toml',
    ...targetFlags(resolution),
  ]);
}

/**
 * uv's name of the platform: the one with the newest glibc that is not newer than the floor, so that every wheel that
 * uv accepts runs there. Throws KSB_LOCK_FLOOR below 2.17.
 */
function uvPlatform(platform: Platform): string {
  const known = UV_FLOORS.map((minor): GlibcVersion => ({ major: 2, minor }));
  const floor = known.findLast((version) => compareGlibc(version, platform.floor) <= 0);
  if (floor === undefined) {
    throw new KsbundleError({
      code: 'KSB_LOCK_FLOOR',
      exitCode: ExitCode.usage,
      message: `wheels cannot be resolved for ${formatPlatform(platform)}: uv supports no glibc below 2.17`,
    });
  }
  return `${platform.arch}-manylinux_${floor.major}_${floor.minor}`;
}

/**
 * Options that prevent builds: wheels only, and static metadata for distributions that are built from source, because
 * uv cannot install a build backend if it requires hashes and has none.
 */
function targetFlags({ python, platform, built, notAfter }: Target): string[] {
  return [
    '--python-version',
    python,
    '--python-platform',
    uvPlatform(platform),
    '--only-binary',
    ':all:',
    ...built.flatMap((name) => ['--no-binary', name]),
    ...notAfter.flatMap((limit) => ['--exclude-newer-package', limit]),
    '--require-build-hashes',
    '--preview-features',
    'build-dependency-hashes',
  ];
}

async function compile(
  uv: Uv,
  { directory, output }: { readonly directory: string; readonly output: string },
  flags: readonly string[],
): Promise<{ readonly text: string } | { readonly failure: RunResult }> {
  const argv = [
    await uv.executable(),
    'pip',
    'compile',
    '--quiet',
    '--no-config',
    '--no-header',
    '--no-python-downloads',
    '--color',
    'never',
    '--cache-dir',
    uv.cacheDirectory,
    '--output-file',
    output,
    ...flags,
    ...(uv.offline === true ? ['--offline'] : []),
  ];
  const result = await run(argv, { directory, environment: environmentOf(uv), signal: uv.signal });
  if (result.exitCode !== 0) return { failure: result };
  return { text: await readFile(path.join(directory, output), 'utf8') };
}

/** Passes indexes in the environment, not in argv, because a URL may contain a password. */
function environmentOf({ indexes = [] }: Uv): Record<string, string> {
  const [main, ...others] = indexes;
  const passed = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    LC_ALL: 'C.UTF-8',
    ...(main === undefined ? {} : { UV_DEFAULT_INDEX: main, UV_INDEX: others.join(' ') }),
  };
}
