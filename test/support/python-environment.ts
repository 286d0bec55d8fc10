import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exists, hashBytes } from '../../src/io/files.ts';
import { withLock } from '../../src/io/lock.ts';
import { run } from '../../src/io/process.ts';

const KEPT = path.join(import.meta.dirname, '../../node_modules/.cache/ksbundle-python');

/**
 * The directory of the programs of a persistent virtual environment with the distributions of a requirements file, which
 * lists all of them. Creates it if missing; throws pip's output if that fails.
 */
export async function pythonEnvironment(requirements: string): Promise<string> {
  const { stdout: version } = await succeed(['python3', '--version']);
  const key = hashBytes(`${version}\n${await readFile(requirements, 'utf8')}`).slice(0, 16);
  const directory = path.join(KEPT, key);
  // Made in place, because its programs name their interpreter by its path.
  const complete = path.join(directory, 'complete');
  await withLock(`${directory}.lock`, async () => {
    if (await exists(complete)) return;
    await rm(directory, { recursive: true, force: true });
    await succeed(['python3', '-m', 'venv', directory]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await succeed([path.join(directory, 'bin/python'), ...pip, '--requirement', requirements]);
    await writeFile(complete, '');
  });
  return path.join(directory, 'bin');
}

async function succeed(argv: readonly string[]): Promise<{ readonly stdout: string }> {
  const result = await run(argv);
  if (result.exitCode === 0) return result;
  throw new Error(`${argv.join(' ')}: ${result.failedToStart ?? `${result.stdout}\n${result.stderr}`}`);
}
