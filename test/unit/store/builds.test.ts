import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../../src/domain/events.ts';
import type { BuildRecord, Store } from '../../../src/domain/store.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { openStore } from '../../../src/store/open.ts';

let root: string;
let events: Event[];
let store: Store;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'ksbundle-builds-'));
  events = [];
  store = await openStore(root, (event) => events.push(event));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function makeRecord(component: string): Promise<BuildRecord> {
  const file = path.join(root, 'artifact');
  await writeFile(file, component);
  const { sha256, size } = await store.addFile(file);
  return {
    key: hashBytes(`key of ${component}`),
    artifact: sha256,
    size,
    component,
    version: '1.3.2',
    time: 1234.5,
    created: '2026-01-01T00:00:00.000Z',
  };
}

test('a record is read back as written, and is gone after removal', async () => {
  const record = await makeRecord('zlib');
  expect(await store.builds.read(record.key)).toBeUndefined();
  await store.builds.write(record);
  expect(await store.builds.read(record.key)).toEqual(record);
  await store.builds.remove(record.key);
  expect(await store.builds.read(record.key)).toBeUndefined();
});

test('records are listed by component', async () => {
  const records = [await makeRecord('zlib'), await makeRecord('apr')];
  for (const record of records) await store.builds.write(record);
  expect(await store.builds.list()).toEqual([records[1], records[0]]);
});

test.each([
  ['not JSON', '{'],
  ['a field missing', '{}'],
  ['empty after a crash', ''],
])('a damaged record (%s) is reported, removed and not used', async (_, content) => {
  const record = await makeRecord('zlib');
  await writeFile(path.join(root, 'builds', `${record.key}.json`), content);
  expect(await store.builds.read(record.key)).toBeUndefined();
  expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining(record.key) }]);
  expect(await readdir(path.join(root, 'builds'))).toEqual([]);
});

test('a record under the key of another is damaged', async () => {
  const record = await makeRecord('zlib');
  const other = hashBytes('other');
  await writeFile(path.join(root, 'builds', `${other}.json`), JSON.stringify(record));
  expect(await store.builds.read(other)).toBeUndefined();
});

test('a record whose artifact is gone or damaged does not count', async () => {
  const record = await makeRecord('zlib');
  await store.builds.write(record);
  await rm(store.pathOf(record.artifact));
  expect(await store.builds.read(record.key)).toBeUndefined();
  expect(await readdir(path.join(root, 'builds'))).toEqual([]);
});

test('task times are merged, and a damaged file counts as empty', async () => {
  expect(await store.times.read()).toEqual(new Map());
  await store.times.write(new Map([['build:zlib', 10]]));
  await store.times.write(new Map([['build:apr', 20.4]]));
  expect(await (await openStore(root)).times.read()).toEqual(
    new Map([
      ['build:apr', 20],
      ['build:zlib', 10],
    ]),
  );
  await writeFile(path.join(root, 'times.json'), '[');
  expect(await store.times.read()).toEqual(new Map());
});

test('a store that cannot be created is an error with a hint', async () => {
  await writeFile(path.join(root, 'file'), '');
  await expect(openStore(path.join(root, 'file', 'store'))).rejects.toMatchObject({
    facts: { code: 'KSB_STORE_UNUSABLE', hint: expect.stringContaining('KSBUNDLE_CACHE') },
  });
});
