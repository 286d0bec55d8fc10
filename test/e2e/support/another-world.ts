import { mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { ROOT } from './cli.ts';

/** A simulated other machine, as far as a build can tell; see another-world.sh. */
export interface AnotherWorld {
  /** Belongs to that world's user; in memory, where directories have another order. */
  readonly home: string;
  /** Runs a program there, with `network` or without. */
  run(argv: readonly string[], options?: { readonly network?: boolean }): Promise<RunResult>;
  /** Runs the command line there, from its own directory. */
  ksbundle(parameters: readonly string[]): Promise<RunResult>;
}

/** A clock that is off by milliseconds, seconds and years. */
const OFFSET = '+1234d';

/** Makes another world, until the test ends. Needs root, and what `whyNoMachines(['faketime'])` names. */
export async function makeAnotherWorld(): Promise<AnotherWorld> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-world-'));
  onTestFinished(async () => {
    await run(['umount', '--lazy', directory]);
    await removeTree(directory);
  });
  await require(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', directory]);
  const home = path.join(directory, 'home');
  await mkdir(home);
  const inside: AnotherWorld['run'] = (argv, { network = true } = {}) => {
    const namespaces = ['--mount', '--propagation', 'private', ...(network ? [] : ['--net'])];
    const script = [path.join(import.meta.dirname, 'another-world.sh'), directory, OFFSET, ROOT];
    return run(['unshare', ...namespaces, 'sh', ...script, ...argv]);
  };
  const main = path.join(directory, 'ksbundle/dist/cli/main.js');
  return {
    home,
    run: inside,
    ksbundle: (parameters) => inside([process.execPath, main, ...parameters]),
  };
}

async function require(argv: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
}
