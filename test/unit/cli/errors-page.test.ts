import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ExitCode } from '../../../src/domain/errors.ts';
import { listTree } from '../../../src/io/files.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
/** A code that no user sees: causes are described by it. */
const INNER = new Set(['KSB_TUNNEL_CUT']);
/** What raises an error with one exit code. */
const RAISED_BY: Readonly<Record<string, number>> = { usageError: ExitCode.usage, keyError: ExitCode.usage };
/** A code, with the function that it is given to, and the exit code after it in the same object. */
const CODE = /(?:(?<by>\w+)\(\s*)?'(?<code>KSB_[A-Z_]+)'(?:,\s*exitCode: ExitCode\.(?<exit>\w+))?/g;

/** Every code in the source, with the exit codes that are written beside it. */
async function codesOfSource(): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const found = new Map<string, Set<number>>();
  const files = (await listTree(path.join(ROOT, 'src'))).filter((file) => file.path.endsWith('.ts'));
  for (const file of files) {
    const text = await readFile(path.join(ROOT, 'src', file.path), 'utf8');
    for (const { groups = {} } of text.matchAll(CODE)) {
      const { code = '', by = '', exit } = groups;
      const exits = found.get(code) ?? found.set(code, new Set()).get(code);
      const known = exit === undefined ? RAISED_BY[by] : ExitCode[exit as keyof typeof ExitCode];
      if (known !== undefined) exits?.add(known);
    }
  }
  return new Map([...found].filter(([code]) => !INNER.has(code)));
}

it('docs/errors.md lists every code, in order, with its exit code', async () => {
  const page = await readFile(path.join(ROOT, 'docs/errors.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(KSB_[A-Z_]+)` +\| (\d+) +\|/gm)];
  const listed = new Map(rows.map(([, code = '', exit]) => [code, Number(exit)]));
  const source = await codesOfSource();
  expect([...listed.keys()]).toEqual([...source.keys()].sort());
  const wrong = [...source].filter(([code, exits]) => [...exits].some((exit) => exit !== listed.get(code)));
  expect(wrong).toEqual([]);
  const stated = [...source.values()].filter((exits) => exits.size > 0);
  expect(stated.length).toBeGreaterThan(0.9 * source.size);
});
