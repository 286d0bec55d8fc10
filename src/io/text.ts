import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listTree } from './files.ts';

export interface Replacement {
  readonly from: string;
  readonly to: string;
}

/**
 * Replaces byte strings in every text file below `root`, in the given order, and returns the paths of the changed
 * files. A file with a NUL byte is not text and is not changed.
 */
export async function replaceInText(root: string, replacements: readonly Replacement[]): Promise<string[]> {
  const changed: string[] = [];
  for (const { path: file, kind } of await listTree(root)) {
    if (kind !== 'file') continue;
    const before = await readFile(path.join(root, file));
    if (before.includes(0) || !replacements.some(({ from }) => before.includes(from))) continue;
    // Latin-1 maps every byte to one character and back, whatever the file's encoding.
    const after = replacements.reduce(
      (text, { from, to }) => text.replaceAll(toLatin1(from), toLatin1(to)),
      before.toString('latin1'),
    );
    await writeFile(path.join(root, file), Buffer.from(after, 'latin1'));
    changed.push(file);
  }
  return changed;
}

function toLatin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
