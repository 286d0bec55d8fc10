import { appendFile, chmod, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Sha256 } from '../../../src/domain/digest.ts';
import type { Event } from '../../../src/domain/events.ts';
import type { Store } from '../../../src/domain/store.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { openStore } from '../../../src/store/open.ts';

let root: string;
let events: Event[];
let store: Store;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'ksbundle-store-'));
  events = [];
  store = await openStore(root, (event) => events.push(event));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function addText(text: string, expected?: Sha256) {
  return store.add(
    (async function* () {
      yield Buffer.from(text);
    })(),
    expected,
  );
}

/** Changes bytes without a trace in the time stamps, as a failing disk does. */
async function damageSilently(file: string): Promise<void> {
  const { atime, mtime } = await stat(file);
  await chmod(file, 0o644);
  await writeFile(file, 'damaged');
  await utimes(file, atime, mtime);
}

test('content is kept read-only under its digest and leaves nothing temporary', async () => {
  const stored = await addText('hello');
  const digest = hashBytes('hello');
  expect(stored).toEqual({
    sha256: digest,
    size: 5,
    path: path.join(root, 'sha256', digest.slice(0, 2), digest.slice(2)),
  });
  expect(await readFile(stored.path, 'utf8')).toBe('hello');
  expect((await stat(stored.path)).mode & 0o777).toBe(0o444);
  expect(await readdir(store.temporary)).toEqual([]);
});

test('content with another digest than expected is refused, with both digests', async () => {
  await expect(addText('hello', hashBytes('other'))).rejects.toMatchObject({
    facts: {
      code: 'KSB_DIGEST_MISMATCH',
      exitCode: 4,
      details: [`expected sha256:${hashBytes('other')}`, `     got sha256:${hashBytes('hello')}`],
    },
  });
  expect(await store.list()).toEqual([]);
  expect(await readdir(store.temporary)).toEqual([]);
});

test('a failing stream leaves nothing behind', async () => {
  const failing = (async function* () {
    yield Buffer.from('half');
    throw new Error('cut');
  })();
  await expect(store.add(failing)).rejects.toThrow('cut');
  expect(await readdir(store.temporary)).toEqual([]);
});

test('missing content is not found, without a warning', async () => {
  expect(await store.find(hashBytes('x'))).toBeUndefined();
  expect(await store.findVerified(hashBytes('x'))).toBeUndefined();
  expect(events).toEqual([]);
});

test('a changed entry is detected, reported and removed', async () => {
  const { sha256, path: file } = await addText('hello');
  await chmod(file, 0o644);
  await appendFile(file, '!');
  expect(await store.find(sha256)).toBeUndefined();
  expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining(sha256) }]);
  expect(await store.list()).toEqual([]);
  await addText('hello', sha256);
  expect(await store.find(sha256)).toMatchObject({ size: 5 });
});

test('an entry that was only touched is repaired', async () => {
  const { sha256, path: file } = await addText('hello');
  await utimes(file, 1, 1);
  expect(await store.find(sha256)).toMatchObject({ size: 5 });
  expect(events).toEqual([]);
  await damageSilently(file);
  expect(await store.find(sha256), 'the time stamp is trusted again').toMatchObject({ sha256 });
});

test('silent damage is found when the content is verified', async () => {
  const { sha256, path: file } = await addText('hello');
  await damageSilently(file);
  expect(await store.findVerified(sha256)).toBeUndefined();
  expect(events).toHaveLength(1);
});

test('an entry that is not a file is damaged', async () => {
  const { sha256, path: file } = await addText('hello');
  await rm(file);
  await symlink('/nowhere', file);
  await writeFile(path.join(root, 'other'), 'x');
  await rm(file);
  await symlink(path.join(root, 'other'), file);
  expect(await store.find(sha256)).toBeUndefined();
});

test('verifyAll names exactly the damaged entries', async () => {
  const good = await addText('good');
  const bad = await addText('bad');
  await damageSilently(bad.path);
  expect(await store.verifyAll()).toEqual([bad.sha256]);
  expect((await store.list()).map((entry) => entry.sha256)).toEqual([good.sha256]);
  expect(await store.totals()).toEqual({ entries: 1, bytes: 4 });
});

test('collection removes old entries, unless they are kept', async () => {
  const day = 24 * 3600 * 1000;
  const old = await addText('old');
  const kept = await addText('kept');
  const fresh = await addText('fresh');
  const { mtime } = await stat(old.path);
  for (const { path: file } of [old, kept]) await utimes(file, new Date(Date.now() - 2 * day), mtime);
  const key = hashBytes('key');
  await store.builds.write({
    key,
    artifact: old.sha256,
    size: old.size,
    component: 'zlib',
    version: '1',
    time: 1,
    created: '2026-01-01T00:00:00Z',
  });
  const options = { olderThan: day, keep: new Set([kept.sha256]) };

  const planned = await store.collect({ ...options, dryRun: true });
  expect(await store.totals()).toMatchObject({ entries: 3 });
  const collected = await store.collect(options);
  expect(collected).toEqual(planned);
  expect(collected.content.map((entry) => entry.sha256)).toEqual([old.sha256]);
  expect(collected.builds).toEqual([key]);
  expect((await store.list()).map((entry) => entry.sha256).sort()).toEqual(
    [kept.sha256, fresh.sha256].sort(),
  );
  expect(await store.builds.list()).toEqual([]);
});

test('used content is not collected', async () => {
  const { sha256, path: file } = await addText('used');
  await utimes(file, 1, (await stat(file)).mtime);
  await store.find(sha256);
  expect((await store.collect({ olderThan: 60_000 })).content).toEqual([]);
});
