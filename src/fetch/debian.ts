import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { isErrnoException } from '../domain/errors.ts';

/**
 * Base addresses of the package mirrors in the host's apt configuration, in its order; empty on a host without apt.
 * Returns only http and https mirrors with the component `main`. sources.list(5) describes the formats.
 */
export async function readDebianMirrors(hostRoot: string): Promise<readonly string[]> {
  const apt = path.join(hostRoot, 'etc/apt');
  const parts = path.join(apt, 'sources.list.d');
  const bases: string[] = parseList(await readIfThere(path.join(apt, 'sources.list')));
  for (const name of await listIfThere(parts)) {
    if (name.endsWith('.list')) bases.push(...parseList(await readIfThere(path.join(parts, name))));
    if (name.endsWith('.sources')) bases.push(...parseDeb822(await readIfThere(path.join(parts, name))));
  }
  const usable = bases.filter((base) => /^https?:\/\//i.test(base)).map((base) => base.replace(/\/+$/, ''));
  return [...new Set(usable)];
}

/** One source per line: `deb [options] URI suite component…`. */
function parseList(text: string): string[] {
  const bases: string[] = [];
  for (const line of text.split('\n')) {
    const [, base, components = ''] =
      /^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(\S+)\s+\S+([^#]*)/.exec(line) ?? [];
    if (base !== undefined && isMain(components)) bases.push(base);
  }
  return bases;
}

/** Stanzas of fields; indented lines continue a field. */
function parseDeb822(text: string): string[] {
  const plain = text.replace(/^#.*\n?/gm, '');
  return plain.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const [, name = '', value = ''] of stanza.matchAll(/^([^\s:]+):(.*(?:\n[ \t]+.*)*)/gm)) {
      fields.set(name.toLowerCase(), value.trim());
    }
    const enabled = !/^(?:no|false|without|off|disable)$/i.test(fields.get('enabled') ?? 'yes');
    return enabled && isMain(fields.get('components') ?? '') ? words(fields.get('uris') ?? '') : [];
  });
}

function isMain(components: string): boolean {
  return words(components).includes('main');
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

async function readIfThere(file: string): Promise<string> {
  return ifReadable(readFile(file, 'utf8'), '');
}

async function listIfThere(directory: string): Promise<string[]> {
  return (await ifReadable(readdir(directory), [])).sort();
}

async function ifReadable<T>(result: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].some((code) => isErrnoException(error, code))) return otherwise;
    throw error;
  }
}
