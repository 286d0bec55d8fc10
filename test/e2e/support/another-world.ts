import { mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { ROOT } from './cli.ts';

/** Another machine, as far as a build could see of one; see another-world.sh. */
export interface AnotherWorld {
  /** Belongs to the user of that world; lies in memory, whose file system lists directories in another order. */
  readonly home: string;
  /** Runs a program there, with `network` or without. */
  run(argv: readonly string[], options?: { readonly network?: boolean }): Promise<RunResult>;
  /** Runs the command line there, from a directory of its own. */
  ksbundle(parameters: readonly string[]): Promise<RunResult>;
}

/** Milliseconds, seconds and years off: what a clock could tell. */
const OFFSET = '+1234d';

/** Makes another world, which ends with the test. Needs root, and what `whyNoMachines(['faketime'])` asks for. */
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
