import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Directory of the installed package, or of the checkout: the parent of `src/` and of `dist/`. */
export function packageRoot(): string {
  return path.join(import.meta.dirname, '..', '..');
}

export async function packageVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}
