import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compileGlob } from '../domain/glob.ts';
import { listTree } from '../io/files.ts';
import { formatRecord, parseRecord } from './wheel/record.ts';

/**
 * Rewrites every RECORD of a release with the same files and their current hashes. Relocation makes that necessary,
 * because it changes libraries of wheels.
 */
export async function refreshRecords(root: string, site: string): Promise<void> {
  const isRecord = compileGlob(`${site}/*.dist-info/RECORD`);
  for (const { path: record } of await listTree(root)) {
    if (!isRecord(record)) continue;
    const file = path.join(root, record);
    const listed = parseRecord(await readFile(file, 'utf8')).map((line) => path.posix.join(site, line.path));
    const others = listed.filter((name) => name !== record);
    await writeFile(file, await formatRecord(root, record, others));
  }
}
