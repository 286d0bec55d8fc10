import { compareBytes } from '../../domain/compare-bytes.ts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** One line of a RECORD: a file, relative to site-packages, and its hash as `sha256=<urlsafe base64>`. */
export interface RecordLine {
  readonly path: string;
  /** Empty for files without one, such as RECORD itself. */
  readonly hash: string;
}

/** Hashes that the binary distribution format allows; it forbids weaker ones. */
const ALGORITHMS: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512']);

/** Parses RECORD: CSV of path, hash and size, as Python's csv module writes it (PyPA, "Recording installed projects"). */
export function parseRecord(text: string): RecordLine[] {
  return text
    .split(/\r?\n/u)
    .filter((line) => line !== '')
    .map((line) => {
      const [file = '', hash = ''] = parseCsvLine(line);
      return { path: file, hash };
    });
}

function parseCsvLine(line: string): string[] {
  const fields = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/gu);
  return Array.from(fields, ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

/** Whether a file has the hash of its RECORD line; false if the algorithm is too weak or unknown. */
export async function matchesHash(file: string, hash: string): Promise<boolean> {
  const [algorithm = '', digest] = hash.split('=', 2);
  if (!ALGORITHMS.has(algorithm)) return false;
  return (
    createHash(algorithm)
      .update(await readFile(file))
      .digest('base64url') === digest
  );
}

/**
 * Formats the RECORD for files of a release. `files` are release paths; `record` is the path of RECORD itself, which
 * is listed without a hash.
 */
export async function formatRecord(root: string, record: string, files: readonly string[]): Promise<string> {
  const site = path.posix.dirname(path.posix.dirname(record));
  const lines: string[] = [`${quote(path.posix.relative(site, record))},,`];
  for (const file of files) {
    const content = await readFile(path.join(root, file));
    const digest = createHash('sha256').update(content).digest('base64url');
    lines.push(`${quote(path.posix.relative(site, file))},sha256=${digest},${content.length}`);
  }
  return `${lines.sort(compareBytes).join('\n')}\n`;
}

function quote(field: string): string {
  return /[",\r\n]/u.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
