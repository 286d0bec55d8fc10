import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packRelease } from '../../../src/pack/pack-release.ts';
import { diffFiles } from '../../../src/pipeline/diff.ts';
import { pythonAffected, pythonRange } from '../../support/advisories.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { packDemo } from '../../support/packed-release.ts';

const { signal } = new AbortController();

/** A release with one wheel, `app`, of this version. */
async function release(version: string): Promise<string> {
  const { options } = await packDemo();
  const wheels = options.facts.wheels.map((wheel) => ({ ...wheel, version }));
  const packed = await packRelease({
    ...options,
    facts: { ...options.facts, wheels },
    out: await temporaryDirectory(),
  });
  return packed.tarball;
}

/** A database with three advisories for `app`: one for 1 and 2, one from 2 on, and one from 3 on. */
async function database(): Promise<string> {
  const directory = await temporaryDirectory();
  const ranges = { 'PYSEC-1': ['0', '2.5'], 'PYSEC-2': ['2', '9'], 'PYSEC-3': ['3', '9'] };
  for (const [id, [introduced, fixed]] of Object.entries(ranges)) {
    const range = pythonRange(`introduced ${introduced}`, `fixed ${fixed}`);
    const record = { id, modified: new Date().toISOString(), affected: [pythonAffected('app', [range])] };
    await writeFile(path.join(directory, `${id}.json`), JSON.stringify(record));
  }
  return directory;
}

it('lists known vulnerabilities that a release removes, adds and keeps', async () => {
  const [old, now] = [await release('2'), await release('3')];
  const lookUp = { database: await database(), maxAge: 1 };
  const { vulnerabilities, parts } = await diffFiles(old, now, { lookUp, signal });
  expect(parts).toContainEqual(expect.objectContaining({ name: 'app', from: '2', to: '3' }));
  const idsOf = (list: readonly { readonly ids: readonly string[] }[] = []): string[] =>
    list.flatMap(({ ids }) => ids);
  expect(idsOf(vulnerabilities?.gone)).toEqual(['PYSEC-1']);
  expect(idsOf(vulnerabilities?.added)).toEqual(['PYSEC-3']);
  expect(vulnerabilities?.kept).toEqual([
    expect.objectContaining({ ids: ['PYSEC-2'], part: 'wheel:app', version: '3' }),
  ]);
});

it('does not mention them if they were not looked up', async () => {
  const old = await release('2');
  expect(await diffFiles(old, old, { signal })).not.toHaveProperty('vulnerabilities');
});
