import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { normalizeDistribution } from '../../src/domain/distribution.ts';
import type { WheelFile } from '../../src/domain/lock.ts';
import { hashBytes } from '../../src/io/files.ts';
import { makeZip, type ZipItem } from './archives.ts';

export interface WheelContent {
  readonly name: string;
  readonly version?: string;
  /** Text by path; `{info}` and `{data}` mean the special directories. */
  readonly files: Readonly<Record<string, string>>;
  /** Changes the items after RECORD was made, to damage the wheel. */
  readonly damage?: (items: ZipItem[]) => ZipItem[];
}

export interface MadeWheel {
  readonly wheel: WheelFile;
  readonly file: string;
}

/** Writes a small wheel into `directory`, with METADATA and WHEEL unless given, and a correct RECORD. */
export async function makeWheel(directory: string, content: WheelContent): Promise<MadeWheel> {
  const { name, version = '1.0', files, damage = (items) => items } = content;
  const stem = `${name}-${version}`;
  const all = {
    '{info}/METADATA': `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\nLicense: MIT\n\nText.\n`,
    '{info}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    ...files,
  };
  const items = Object.entries(all).map(([key, text]) => ({
    path: key.replace('{info}', `${stem}.dist-info`).replace('{data}', `${stem}.data`),
    content: text,
    mode: text.startsWith('#!') || text.startsWith('\u007fELF') ? 0o100755 : 0o100644,
  }));
  const lines = items.map(
    (item) => `${quote(item.path)},sha256=${hash(item.content)},${Buffer.byteLength(item.content)}`,
  );
  const record = {
    path: `${stem}.dist-info/RECORD`,
    content: [...lines, `${stem}.dist-info/RECORD,,`, ''].join('\n'),
  };
  const bytes = makeZip(damage([...items, record]));
  const file = path.join(directory, `${stem}-py3-none-any.whl`);
  await writeFile(file, bytes);
  return {
    file,
    wheel: {
      name: normalizeDistribution(name),
      version,
      file: path.basename(file),
      sha256: hashBytes(bytes),
    },
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function quote(field: string): string {
  return /[",]/u.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
