import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../src/io/process.ts';

const repository = path.resolve(import.meta.dirname, '../..');

export interface Compiled {
  /** URL of a source file's JavaScript, for `import` in a separate process. */
  urlOf(source: string): string;
  remove(): Promise<void>;
}

/**
 * Compiles source files, given relative to `src`, and what they import, so that a test can run them in real processes
 * of Node 20. The result is in node_modules, so that it finds packages.
 */
export async function compile(sources: readonly string[]): Promise<Compiled> {
  const parent = path.join(repository, 'node_modules', '.cache', 'ksbundle-test');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(path.join(parent, 'compiled-'));
  const options =
    '--ignoreConfig --target es2023 --module nodenext --types node --skipLibCheck --rewriteRelativeImportExtensions';
  const result = await run([
    process.execPath,
    path.join(repository, 'node_modules/typescript/bin/tsc'),
    ...options.split(' '),
    '--rootDir',
    path.join(repository, 'src'),
    '--outDir',
    directory,
    ...sources.map((source) => path.join(repository, 'src', source)),
  ]);
  if (result.exitCode !== 0) throw new Error(`tsc: ${result.stdout}${result.stderr}`);
  return {
    urlOf: (source) => `file://${directory}/${source.replace(/\.ts$/, '.js')}`,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
