import { createHash } from 'node:crypto';
import { lstat, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { exists, listTree } from '../../../src/io/files.ts';
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

/** The contents of the instance's database as SQL, read with the release's Python. */
export async function dumpDatabase({ machine, release, instance }: Site): Promise<string> {
  const script = ['-I', '-B', '-c', DUMP, `${instance}/data/keystone.db`];
  const dumped = await machine.execute([`${release}/bin/python3`, ...script]);
  if (dumped.exitCode !== 0) throw new Error(`cannot read the database: ${dumped.stderr}`);
  return dumped.stdout;
}

const EXECUTE = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30)
for statement in sys.argv[2:]:
    database.execute(statement)
database.commit()`;

/** Changes the instance's database with the release's Python. The service may run. */
export async function changeDatabase(
  { machine, release, instance }: Site,
  statements: readonly string[],
): Promise<void> {
  const script = ['-I', '-B', '-c', EXECUTE, `${instance}/data/keystone.db`, ...statements];
  const changed = await machine.execute([`${release}/bin/python3`, ...script]);
  if (changed.exitCode !== 0) throw new Error(`cannot change the database: ${changed.stderr}`);
}

/**
 * Everything that an unchanged run must not touch: the instance's files without the daemons' logs and sockets, the
 * database's contents, and the processes. Undefined without an instance.
 */
export async function lastingState(site: Site): Promise<unknown> {
  const { machine, instance } = site;
  if (!(await exists(path.join(machine.root, instance, 'data', 'keystone.db')))) return undefined;
  const prints = await fingerprint(machine, instance);
  const files = [...prints].filter(([file]) => !/^(?:data|log|run|tmp|lock)(?:\/|$)/.test(file));
  return { files, database: await dumpDatabase(site), processes: await machine.processes() };
}

/** Paths below the machine's root whose content, name or rights changed after the file `since` was created. */
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
