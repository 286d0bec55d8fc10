import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../../src/io/lock.ts';
import { firstWord, kill, startScript } from '../../support/child-process.ts';
import { compile, type Compiled } from '../../support/compile.ts';

let compiled: Compiled;
let directory: string;
let file: string;

beforeAll(async () => {
  compiled = await compile(['io/lock.ts']);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-lock-'));
  file = path.join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Starts a process that runs `body` with `withLock`, `file` and `directory` in scope. */
function start(body: string): ChildProcess {
  const script = `
    import { withLock } from ${JSON.stringify(compiled.urlOf('io/lock.ts'))};
    import { appendFile, readFile, writeFile } from 'node:fs/promises';
    import { setTimeout as sleep } from 'node:timers/promises';
    const file = ${JSON.stringify(file)}, directory = ${JSON.stringify(directory)};
    ${body}`;
  return startScript(script);
}

/** A process that holds the lock until it is killed. */
async function startHolder(): Promise<ChildProcess> {
  const holder = start(`
    setInterval(() => {}, 1000);
    await withLock(file, async () => { console.log('held'); await new Promise(() => {}); });`);
  await firstWord(holder);
  return holder;
}

test('the value is returned and the lock is removed, also after a failure', async () => {
  expect(await withLock(file, async () => (await readdir(directory)).length)).toBe(1);
  await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(directory)).toEqual([]);
});

test('work in one process takes turns', async () => {
  const seen: string[] = [];
  const work = (name: string) =>
    withLock(file, async () => {
      seen.push(`${name} in`);
      await sleep(20);
      seen.push(`${name} out`);
    });
  await Promise.all([work('a'), work('b')]);
  const first = seen[0]?.charAt(0) ?? '';
  const second = first === 'a' ? 'b' : 'a';
  expect(seen).toEqual([`${first} in`, `${first} out`, `${second} in`, `${second} out`]);
});

test('processes take turns', async () => {
  await writeFile(path.join(directory, 'count'), '0');
  const children = [1, 2, 3].map(() =>
    start(`
      for (let turn = 0; turn < 5; turn++) await withLock(file, async () => {
        const count = Number(await readFile(directory + '/count', 'utf8'));
        await sleep(5);
        await writeFile(directory + '/count', String(count + 1));
      });`),
  );
  const exits = await Promise.all(children.map((child) => once(child, 'exit')));
  expect(exits.map(([code]) => code)).toEqual([0, 0, 0]);
  expect(await readFile(path.join(directory, 'count'), 'utf8')).toBe('15');
}, 30_000);

test('waiting ends when the signal aborts, and names the holder', async () => {
  const holder = await startHolder();
  try {
    const controller = new AbortController();
    const reason = new Error('stop');
    const waitedFor: number[] = [];
    const waiting = withLock(file, () => Promise.resolve('never'), {
      signal: controller.signal,
      onWait: ({ pid }) => {
        waitedFor.push(pid);
        controller.abort(reason);
      },
    });
    await expect(waiting).rejects.toBe(reason);
    expect(waitedFor).toEqual([holder.pid]);
    expect(await readdir(directory)).toEqual(['lock']);
  } finally {
    await kill(holder);
  }
});

test('the lock of a killed process is taken over, by one at a time', async () => {
  await kill(await startHolder());
  const left = await readFile(file);
  let holders = 0;
  let most = 0;
  const work = () =>
    withLock(file, async () => {
      most = Math.max(most, ++holders);
      await sleep(1);
      holders--;
    });
  for (let round = 0; round < 20; round++) {
    await writeFile(file, left);
    await Promise.all([work(), work(), sleep(1).then(work)]);
  }
  expect(most).toBe(1);
  expect(await readdir(directory)).toEqual([]);
}, 30_000);

test('the lock of a process whose pid was reused is taken over', async () => {
  const holder = await startHolder();
  const owner = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await kill(holder);
  await writeFile(file, JSON.stringify({ ...owner, pid: process.pid }));
  expect(await withLock(file, () => Promise.resolve('mine'))).toBe('mine');
});

test('a holder in another container counts as dead after a long time without a sign of life', async () => {
  await writeFile(file, JSON.stringify({ id: 'other', pid: process.pid, start: '1', space: 'elsewhere' }));
  const signal = AbortSignal.timeout(300);
  const work = () => Promise.resolve('mine');
  await expect(withLock(file, work, { signal })).rejects.toThrow('timeout');
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(file, longAgo, longAgo);
  expect(await withLock(file, work)).toBe('mine');
});

test('an empty lock file, as a crash may leave it, is taken over in the end', async () => {
  await writeFile(file, '');
  const longAgo = new Date(Date.now() - 120_000);
  await utimes(file, longAgo, longAgo);
  expect(await withLock(file, () => Promise.resolve('mine'))).toBe('mine');
  expect(await readdir(directory)).toEqual([]);
});
