import { mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { removeTree } from '../../../src/io/files.ts';
import type { Machine } from './machine.ts';

/** Runs a program of this directory with Node in the machine's network; `order` is its input and T its output, as JSON. */
export async function runClient<T>(machine: Machine, program: string, order: object): Promise<T> {
  const file = path.join(import.meta.dirname, program);
  const sent = await machine.executeInNetwork([process.execPath, file], { input: JSON.stringify(order) });
  if (sent.exitCode !== 0) throw new Error(`${program} failed: ${sent.stderr}`);
  return JSON.parse(sent.stdout) as T;
}

/** Runs a client during `work`. Both get a path in a new directory; the client must end when a file exists there. */
export async function runMeanwhile<A, T>(
  client: (until: string) => Promise<A>,
  work: (until: string, ended: Promise<A>) => Promise<T>,
): Promise<readonly [A, T]> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-meanwhile-'));
  const until = path.join(directory, 'done');
  const ended = client(until);
  try {
    const result = await work(until, ended);
    await writeFile(until, '');
    return [await ended, result];
  } finally {
    await writeFile(until, '');
    await ended;
    await removeTree(directory);
  }
}
