import { stat } from 'node:fs/promises';
import path from 'node:path';
import { nearest } from '../domain/nearest.ts';
import { listTree } from '../io/files.ts';
import type { Document } from './document.ts';
import { quote, suggest, type Fault, type KeyPath } from './mistake.ts';

/** A file or directory that a recipe names and that must exist beside it. */
export interface NamedFile {
  readonly name: string | undefined;
  readonly path: KeyPath;
  readonly kind: 'file' | 'file or directory';
}

/** A fault for each named file that does not exist beside the recipe. */
export async function checkFiles(document: Document, files: readonly NamedFile[]): Promise<Fault[]> {
  const missing: (NamedFile & { readonly name: string })[] = [];
  for (const { name, ...file } of files) {
    if (name !== undefined && !(await isThere(path.join(document.directory, name), file.kind)))
      missing.push({ name, ...file });
  }
  if (missing.length === 0) return [];
  const there = (await listTree(document.directory)).map((entry) => entry.path);
  return missing.map((file) => ({
    code: 'missing-file',
    message: `there is no ${file.kind} ${quote(file.name)} beside the recipe`,
    hint: suggest(nearest(file.name, there)),
    path: file.path,
    at: 'value',
  }));
}

async function isThere(file: string, kind: NamedFile['kind']): Promise<boolean> {
  const facts = await stat(file).catch(() => undefined);
  return facts !== undefined && (facts.isFile() || (kind === 'file or directory' && facts.isDirectory()));
}
