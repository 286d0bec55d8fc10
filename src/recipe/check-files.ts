import { stat } from 'node:fs/promises';
import path from 'node:path';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import { nearest } from '../domain/nearest.ts';
import { listTree } from '../io/files.ts';
import type { Document } from './document.ts';
import type { PartlyBundle } from './partly.ts';
import { quote, suggest, type Fault, type KeyPath } from './mistake.ts';

/** A file or directory beside a recipe that the recipe names. */
export interface NamedFile {
  readonly name: string | undefined;
  readonly path: KeyPath;
  readonly kind: 'file' | 'file or directory';
}

/** A fault for each named file that does not lie beside the recipe. */
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

/** A fault if `init` names no package of an installer: without one the release could not be installed. */
export async function checkInstaller({ init }: PartlyBundle, directory: string): Promise<Fault[]> {
  const services = path.join(directory, SERVICES_DIRECTORY);
  if (init === undefined || (await isThere(path.join(services, init, ENTRY), 'file'))) return [];
  const there = (await listTree(services).catch(() => []))
    .map((entry) => entry.path.split('/'))
    .filter(([, file, ...rest]) => file === ENTRY && rest.length === 0)
    .map(([top = '']) => top);
  return [
    {
      code: 'missing-installer',
      message: `there is no ${quote(`${init}/${ENTRY}`)} in ${services}`,
      hint: suggest(nearest(init, there)),
      path: ['init'],
      at: 'value',
    },
  ];
}

/** What makes a directory a package of Python. */
const ENTRY = '__init__.py';
