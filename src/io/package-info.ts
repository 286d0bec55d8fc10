import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Directory of the installed package, or of the checkout: the parent of `src/` and of `dist/`. */
export function packageRoot(): string {
  return path.join(import.meta.dirname, '..', '..');
}

export async function packageVersion(): Promise<string> {
  return (await readManifest()).version;
}

/** The versions of Node that the package supports, as a range of semver. */
export async function requiredNode(): Promise<string> {
  return (await readManifest()).engines.node;
}

interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
}

async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8')) as Manifest;
}
