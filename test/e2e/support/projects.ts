import { cp, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { removeTree } from '../../../src/io/files.ts';
import type { RunResult } from '../../../src/io/process.ts';
import { ksbundle, mirrorOfTests, ROOT } from './cli.ts';

/** Projects of users, and their changed versions. */
export const PROJECTS = path.join(ROOT, 'test/fixtures/projects');

/** Copies a project of test/fixtures/projects to a new directory, and the files of others over it. */
async function copyProject(name: string, ...changes: readonly string[]): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), `ksbundle-${name}-`));
  for (const layer of [name, ...changes])
    await cp(path.join(PROJECTS, layer), directory, { recursive: true });
  return directory;
}

/**
 * Builds the bundle of a project as its owner does, in its directory, and returns the tarball's path. Wheels, and
 * sources that the mirror lacks, come from the recipes' URLs; throws with ksbundle's output if it fails.
 */
export async function buildProject(directory: string, bundle: string): Promise<string> {
  return lastLine(await inProject(directory, ['build', bundle, '--out', path.join(ROOT, 'out')]));
}

/**
 * Why this machine cannot fetch the sources of a bundle, for the report of skipped tests; undefined if it can. For
 * bundles with a source that only its upstream serves.
 */
export async function whyNotFetched(directory: string, bundle: string): Promise<string | undefined> {
  const { stderr } = await runInProject(directory, ['fetch', bundle]);
  return stderr.match(/^error: (cannot fetch .*) \[KSB_FETCH_FAILED\]$/mu)?.[1];
}

function runInProject(directory: string, parameters: readonly string[]): Promise<RunResult> {
  return ksbundle(parameters, { directory, environment: mirrorOfTests() });
}

/** Runs ksbundle in a project; returns its output. */
async function inProject(directory: string, parameters: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runInProject(directory, parameters);
  if (exitCode === 0) return stdout;
  throw new Error(`ksbundle ${parameters.join(' ')} ended with ${exitCode}:\n${stderr.slice(-8000)}`);
}

/** Builds a project without and with `changes`; returns both tarballs. */
export async function buildVersions(
  name: string,
  changes: string,
): Promise<{ readonly former: string; readonly present: string }> {
  const build = (...layers: readonly string[]): Promise<string> =>
    withProject([name, ...layers], (directory) => buildProject(directory, name));
  return { former: await build(), present: await build(changes) };
}

/** Boots a project on this machine with `ksbundle try`; returns its output. */
export function tryProject(name: string): Promise<string> {
  return withProject([name], (directory) => inProject(directory, ['try', name]));
}

async function withProject<T>(
  layers: readonly [string, ...string[]],
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const [name, ...changes] = layers;
  const directory = await copyProject(name, ...changes);
  try {
    await inProject(directory, ['lock', name]);
    return await use(directory);
  } finally {
    await removeTree(directory);
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
