import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';
import { IMPORTED_BY_NAME, reducePython, type NeededModules } from './reduce-python.ts';

export interface ByteCodeOptions {
  /** A CPython of the release's version: the release's own or, in a cross build, one for this machine. */
  readonly python: string;
  /** The release directory. */
  readonly root: string;
  /** Release path of Python's site-packages. */
  readonly site: string;
  /** Modules to compile with everything that they import; `package.*` is a package with everything below it. */
  readonly modules: readonly string[];
  /** Release path of a directory of programs to compile as well, with everything that they import. */
  readonly programs: string;
  /**
   * Globs of modules of Python's own library to keep although nothing imports them; without globs, all modules are
   * kept.
   */
  readonly keep?: readonly string[] | undefined;
  /** The parts of all files so far, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
  /** The confinement of Python, which was just built. */
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/** The program that compiles. It is passed as text, because the confined Python cannot see this package. */
const SCRIPT = path.join(import.meta.dirname, 'byte_code.py');

/** Modules that every Python program loads before its own, without those frozen into the interpreter. */
const STARTUP_MODULES: readonly string[] = [
  'encodings.aliases',
  'encodings.ascii',
  'encodings.idna',
  'encodings.latin_1',
  'encodings.utf_8',
  // Modules that `site` uses to read .pth files.
  'encodings.utf_8_sig',
  'importlib.metadata',
  'sitecustomize',
];

/**
 * Writes byte code for `programs` and everything that they and `modules` import, and for nothing else: byte code of
 * all modules would be a third of a release. Python never compares it with the source (`unchecked-hash`, PEP 552),
 * because a release does not change; it does compare that of programs, which are few files (`checked-hash`). The
 * bytes depend only on the source, the release path and the version of Python. Returns the parts of all files. Throws
 * `KSB_BYTE_CODE_FAILED`.
 */
export async function compileByteCode(options: ByteCodeOptions): Promise<ReadonlyMap<string, Part>> {
  const { python, root, site, modules, programs, parts, signal } = options;
  const library = path.posix.dirname(site);
  const request = {
    root,
    version: library.replace(/^.*python/u, ''),
    path: [library, site],
    modules: [...modules, ...STARTUP_MODULES],
    programs,
    by_name: options.keep === undefined ? null : IMPORTED_BY_NAME,
  };
  const command = {
    argv: [python, '-s', '-S', '-P', '-B', '-X', 'utf8', '-c', await readFile(SCRIPT, 'utf8')],
    // No PYTHON* variable is inherited: it would change the byte code.
    environment: { LC_ALL: 'C', PYTHONHASHSEED: '0', SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH) },
    directory: root,
    view: { readable: [path.resolve(python, '../..')], writable: [root] },
  };
  const input = JSON.stringify(request);
  const result = await runConfined(options.confinement, command, { input, signal });
  signal?.throwIfAborted();
  if (result.exitCode !== 0) throw failed(python, result.stderr, result.failedToStart);
  const { written, missing, needed } = JSON.parse(result.stdout) as {
    readonly written: readonly (readonly [source: string, target: string])[];
    readonly missing: readonly string[];
    readonly needed: NeededModules;
  };
  const unknown = modules.filter((name) => missing.includes(name));
  if (unknown.length > 0) throw failed(python, `no such module: ${unknown.join(', ')}`);
  const added = written.map(([source, target]) => [target, parts.get(source) ?? 'bundle'] as const);
  const all = new Map<string, Part>([...parts, ...added]);
  return options.keep === undefined
    ? all
    : reducePython({ root, library, needed, keep: options.keep, parts: all });
}

function failed(python: string, output: string, failedToStart?: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_BYTE_CODE_FAILED',
    exitCode: ExitCode.failed,
    message: 'cannot compile Python modules to byte code',
    why: failedToStart === undefined ? `${python} failed` : `${python} does not start (${failedToStart})`,
    details: output.trim().split('\n').slice(-10),
  });
}
