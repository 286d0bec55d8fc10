import { createHash } from 'node:crypto';
import { lstat, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { listTree } from '../../../src/io/files.ts';
import type { Machine } from './machine.ts';
import type { Site } from './site.ts';

/** Digest, mode and time of every file below a directory of the machine, by path relative to it. */
export async function fingerprint(machine: Machine, directory: string): Promise<ReadonlyMap<string, string>> {
  const root = path.join(machine.root, directory);
  const prints = new Map<string, string>();
  for (const { path: file, kind } of await listTree(root)) {
    if (kind !== 'file' && kind !== 'symlink') continue;
    const absolute = path.join(root, file);
    const { mode, mtimeMs } = await lstat(absolute);
    const content = kind === 'file' ? await readFile(absolute) : await readlink(absolute);
    prints.set(file, `${createHash('sha256').update(content).digest('hex')} ${mode.toString(8)} ${mtimeMs}`);
  }
  return prints;
}

const DUMP = `
import sqlite3, sys
for line in sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).iterdump():
    print(line)`;

/** Everything that the instance's database holds, as SQL, read with the release's own Python. */
export async function dumpDatabase({ machine, release, instance }: Site): Promise<string> {
  const script = ['-I', '-B', '-c', DUMP, `${instance}/data/keystone.db`];
  const dumped = await machine.execute([`${release}/bin/python3`, ...script]);
  if (dumped.exitCode !== 0) throw new Error(`cannot read the database: ${dumped.stderr}`);
  return dumped.stdout;
}

/** Paths below the machine's root whose content, or whose name or rights, changed after the file `since` was made. */
export async function changedSince(machine: Machine, since: string): Promise<string[]> {
  const found = await machine.execute([
    'find',
    '/',
    '-xdev',
    '(',
    '-newer',
    since,
    '-o',
    '-cnewer',
    since,
    ')',
  ]);
  if (found.exitCode !== 0) throw new Error(`find failed: ${found.stderr}`);
  return found.stdout.split('\n').filter((line) => line !== '' && line !== since);
}
