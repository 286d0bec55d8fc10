import path from 'node:path';
import { run } from '../../../src/io/process.ts';
import { pythonEnvironment } from '../python-environment.ts';

/* Third-party libraries, at the versions of requirements.txt. */

const HERE = import.meta.dirname;

async function validatorsPython(): Promise<string> {
  return path.join(await pythonEnvironment(path.join(HERE, 'requirements.txt')), 'python');
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
