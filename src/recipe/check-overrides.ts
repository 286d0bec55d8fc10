import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { requirementName } from '../domain/distribution.ts';
import type { Document } from './document.ts';
import { quote, type Fault } from './mistake.ts';
import type { PartlyBundle } from './partly.ts';

/** A fault for each override whose version the bundle's constraints now pin themselves. */
export async function checkOverrides(document: Document, { python }: PartlyBundle): Promise<Fault[]> {
  const { constraints, override = [] } = python ?? {};
  if (constraints === undefined || override.length === 0) return [];
  const text = await readFile(path.join(document.directory, constraints), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return override.flatMap((each, index): Fault[] => {
    const { distribution, version } = each ?? {};
    if (distribution === undefined || version === undefined) return [];
    const line = lines.findIndex((candidate) => requirementName(candidate) === distribution);
    const [, pinned] = /={2,3}\s*([^\s;#]+)/.exec(lines[line] ?? '') ?? [];
    if (pinned !== version) return [];
    return [
      {
        code: 'needless-override',
        message: `${constraints}:${line + 1} pins ${quote(distribution)} to the same version, ${quote(version)}`,
        hint: 'remove the override, or name the version that ships instead',
        path: ['python', 'override', index, 'version'],
        at: 'value',
      },
    ];
  });
}
