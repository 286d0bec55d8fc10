import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';
import { IMPORTED_BY_NAME, reducePython, type NeededModules } from './reduce-python.ts';

export interface ByteCodeOptions {
  /** Program that is a CPython of the release's version: the release's own, or in a cross build one of this machine. */
  readonly python: string;
  /** The release directory. */
  readonly root: string;
  /** Release path of the directory that Python modules are in. */
  readonly site: string;
  /** Modules whose import closure is compiled; `package.*` is the package with everything below it. */
  readonly modules: readonly string[];
  /** Release path of a directory of programs that are compiled, too, with what their modules import. */
  readonly programs: string;
  /**
   * Globs of what stays of Python's own library although nobody imports it, where the rest of what nobody imports goes; without them all stays.
   */
  readonly keep?: readonly string[] | undefined;
  /** Part by release path, of all files so far. */
  readonly parts: ReadonlyMap<string, Part>;
  /** How far Python is shut in, which is one that was just built. */
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/** The program that compiles; it is read and handed over as text, because what runs is shut in and does not see this package. */
const SCRIPT = path.join(import.meta.dirname, 'byte_code.py');

/** What every Python program loads before its own modules, as far as it is not frozen into the interpreter. */
const STARTUP_MODULES: readonly string[] = [
  'encodings.aliases',
  'encodings.ascii',
  'encodings.idna',
  'encodings.latin_1',
  'encodings.utf_8',
  // What `site` reads .pth files with.
  'encodings.utf_8_sig',
  'importlib.metadata',
  'sitecustomize',
];

/**
 * Writes byte code for `programs` and everything that they and `modules` import, and for nothing else: compiled files are a third of a
 * release that has them all. They are never compared with their sources (`unchecked-hash`, PEP 552), because a release
 * does not change; those of programs, which few files make up, are (`checked-hash`). Their bytes depend on source,
 * release path and the version of Python only. Returns the parts of what is there then. Throws `KSB_BYTE_CODE_FAILED`.
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
    // Nothing of ours: PYTHON* variables would change what is written.
    environment: { LC_ALL: 'C', PYTHONHASHSEED: '0', SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH) },
    directory: root,
    view: { readable: [path.dirname(python)], writable: [root] },
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
    message: 'Python modules could not be compiled to byte code',
    why: failedToStart === undefined ? `${python} failed` : `${python} does not start (${failedToStart})`,
    details: output.trim().split('\n').slice(-10),
  });
}
