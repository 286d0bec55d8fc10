import { chmod, cp, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Platform } from '../domain/platform.ts';
import type { Toolchain } from '../domain/recipe.ts';
import { unpackArchive } from '../io/archive.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';
import { exists, removeTree, withTemporaryDirectory } from '../io/files.ts';
import { compilerEnvironment } from './environment.ts';

/** Directory of the wheel that contains the compiler. */
const WHEEL_DIRECTORY = 'ziglang';

/** Names of the wrapper scripts in PATH, by file of the toolchain's recipe. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  cc: ['cc', 'c++', 'cpp'],
  ar: ['ar', 'ranlib'],
  ld: ['ld'],
};

export interface ToolchainOptions {
  readonly toolchain: Toolchain;
  readonly key: Sha256;
  readonly platform: Platform;
  /** Directory of toolchains, each in a directory named by its key. */
  readonly directory: string;
  /** Fetches the compiler's wheel; called only if needed. */
  readonly archive: () => Promise<string>;
  readonly confinement: Confinement;
  readonly onStep: (step: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Unpacks and prepares the compiler: `zig/` (the compiler), `bin/` (the wrapper under its names), `objects/` (objects
 * for every link) and `cache/` (zig's own, with the stubs of the C library). Returns the directory. Writes the file
 * `ready` last, so that an interrupted preparation starts again. The caller holds a lock.
 */
export async function prepareToolchain(options: ToolchainOptions): Promise<string> {
  const root = path.join(options.directory, options.key);
  const ready = path.join(root, 'ready');
  if (await exists(ready)) return root;
  options.onStep('unpack the compiler');
  await removeTree(root);
  await mkdir(root, { recursive: true });
  await withTemporaryDirectory(root, async (temporary) => {
    const unpacked = path.join(temporary, 'wheel');
    const { confinement, signal } = options;
    await unpackArchive(await options.archive(), unpacked, { confinement, signal });
    await rename(path.join(unpacked, WHEEL_DIRECTORY), path.join(root, 'zig'));
  });
  await installWrappers(root, options.toolchain);
  options.onStep('build the objects and stubs for every link');
  await compileObjects(root, options);
  await writeFile(ready, '');
  return root;
}

async function installWrappers(root: string, toolchain: Toolchain): Promise<void> {
  await mkdir(path.join(root, 'bin'));
  for (const [file, names] of Object.entries(COMMANDS)) {
    const script = path.join(root, 'bin', `.${file}`);
    await cp(recipeFile(toolchain, file), script);
    // The mode of the recipe's file does not matter, because no digest includes modes.
    await chmod(script, 0o755);
    for (const name of names) await symlink(`.${file}`, path.join(root, 'bin', name));
  }
}

/**
 * Compiles the objects that the wrapper adds to links; the last command links a program, so that zig builds its C
 * library stubs.
 */
async function compileObjects(root: string, options: ToolchainOptions): Promise<void> {
  const objects = path.join(root, 'objects');
  await mkdir(objects);
  await withTemporaryDirectory(root, async (work) => {
    const environment = {
      PATH: path.join(root, 'bin'),
      ...compilerEnvironment({
        platform: options.platform,
        toolchain: root,
        directories: { work, inputs: work },
      }),
    };
    for (const name of ['finalize.c', 'empty.c'])
      await cp(recipeFile(options.toolchain, name), path.join(work, name));
    const program = path.join(work, 'main.c');
    await writeFile(program, 'int main(void) { return 0; }\n');
    const commands = [
      ...['finalize', 'empty'].map((name) => [
        '-O2',
        '-fPIC',
        '-c',
        path.join(work, `${name}.c`),
        '-o',
        path.join(objects, `${name}.o`),
      ]),
      [program, '-o', path.join(work, 'main')],
    ];
    for (const parameters of commands) {
      const argv = [path.join(root, 'bin', 'cc'), ...parameters];
      const view = { readable: [], writable: [root] };
      const command = { argv, environment, directory: work, view };
      const result = await runConfined(options.confinement, command, { signal: options.signal });
      options.signal.throwIfAborted();
      if (result.exitCode !== 0) throw toolchainError(options.toolchain, result.stderr);
    }
  });
}

function recipeFile(toolchain: Toolchain, name: string): string {
  const found = toolchain.files.find(({ file }) => file === name);
  if (found !== undefined) return found.path;
  throw new KsbundleError({
    code: 'KSB_RECIPE_INVALID',
    exitCode: ExitCode.usage,
    message: `the toolchain ${toolchain.name} has no file "${name}"`,
    place: { file: toolchain.origin.file },
    hint: `add "${name}" to its files`,
  });
}

function toolchainError(toolchain: Toolchain, output: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_TOOLCHAIN_FAILED',
    exitCode: ExitCode.failed,
    message: `the compiler ${toolchain.name} ${toolchain.version} does not run here`,
    details: output.split('\n').slice(-10),
    hint: 'check that programs can run from the cache directory (no noexec mount), and that there is enough memory and disk space',
  });
}
