import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { exists, hashBytes } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';

/* Third-party libraries, at the versions of requirements.txt, in a persistent virtual environment. */

const HERE = import.meta.dirname;
const KEPT = path.join(HERE, '../../../node_modules/.cache/ksbundle-validators');

/** Creates the environment if missing; returns the path of its Python. Throws pip's output if that fails. */
async function validatorsPython(): Promise<string> {
  const requirements = path.join(HERE, 'requirements.txt');
  const { stdout: version } = await succeed(['python3', '--version']);
  const key = hashBytes(`${version}\n${await readFile(requirements, 'utf8')}`).slice(0, 16);
  const directory = path.join(KEPT, key);
  if (!(await exists(directory))) {
    // Under another name until complete. Nothing used here depends on its path.
    const unfinished = `${directory}.${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await succeed(['python3', '-m', 'venv', unfinished]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await succeed([path.join(unfinished, 'bin/python'), ...pip, '--requirement', requirements]);
    await rename(unfinished, directory);
  }
  return path.join(directory, 'bin/python');
}

async function succeed(argv: readonly string[]): Promise<{ readonly stdout: string }> {
  const result = await run(argv);
  if (result.exitCode === 0) return result;
  throw new Error(`${argv.join(' ')}: ${result.failedToStart ?? `${result.stdout}\n${result.stderr}`}`);
}

export type DocumentKind = 'cyclonedx' | 'spdx' | 'provenance' | 'envelope' | 'openvex';

/** Complaints of a document's validator; empty if valid. */
export async function objections(kind: DocumentKind, ...files: readonly string[]): Promise<string> {
  const result = await run([await validatorsPython(), path.join(HERE, 'validate.py'), kind, ...files]);
  const text = `${result.stdout}\n${result.stderr}`.trim();
  return result.exitCode === 0 ? text : text || `ended with ${result.exitCode}`;
}

/** The order of pairs of versions in PEP 440's library: -1, 0 or 1 for each. */
export async function orderOfPackaging(
  pairs: readonly (readonly [string, string])[],
): Promise<readonly number[]> {
  const result = await run([await validatorsPython(), path.join(HERE, 'order.py')], {
    input: JSON.stringify(pairs),
  });
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as number[];
}
