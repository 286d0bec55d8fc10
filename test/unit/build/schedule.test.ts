import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSlots, criticalPaths, runGraph } from '../../../src/build/schedule.ts';

const EDGES: Readonly<Record<string, readonly string[]>> = {
  zlib: [],
  openssl: [],
  cpython: ['openssl', 'zlib'],
  mod_wsgi: ['cpython'],
};
const ORDER = ['openssl', 'zlib', 'cpython', 'mod_wsgi'];
const dependencies = (name: string): readonly string[] => EDGES[name] ?? [];
const signal = new AbortController().signal;

describe('criticalPaths', () => {
  it('adds up the longest way to the end of the graph', () => {
    const times: Record<string, number> = { zlib: 1, openssl: 10, cpython: 5, mod_wsgi: 2 };
    const paths = criticalPaths(ORDER, dependencies, (name) => times[name] ?? 0);
    expect(Object.fromEntries(paths)).toEqual({ mod_wsgi: 2, cpython: 7, openssl: 17, zlib: 8 });
  });
});

describe('createSlots', () => {
  it('never runs more at once than it has slots, and starts the heaviest first', async () => {
    const slots = createSlots(2);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const work = (weight: number): Promise<void> =>
      slots.run(weight, async () => {
        started.push(weight);
        most = Math.max(most, (running += 1));
        await sleep(2);
        running -= 1;
      });
    await Promise.all([1, 5, 3, 4, 2].map(work));
    expect(started).toEqual([5, 4, 3, 2, 1]);
    expect(most).toBe(2);
  });

  it('passes the slot of a failed task to the next', async () => {
    const slots = createSlots(1);
    await expect(slots.run(1, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(slots.run(1, () => Promise.resolve('fine'))).resolves.toBe('fine');
  });
});

describe('runGraph', () => {
  it('runs every node once, after its dependencies', async () => {
    const ended: string[] = [];
    const work = async (name: string): Promise<string> => {
      expect(ended).toEqual(expect.arrayContaining([...dependencies(name)]));
      await sleep(1);
      ended.push(name);
      return name.toUpperCase();
    };
    const results = await runGraph({ order: ORDER, dependencies, work, signal });
    expect([...ended].sort()).toEqual([...ORDER].sort());
    expect(results.get('mod_wsgi')).toBe('MOD_WSGI');
  });

  it('throws the first failure, does not start dependents, and aborts running nodes', async () => {
    const started: string[] = [];
    let aborted = false;
    const work = async (name: string, { aborted: isAborted }: AbortSignal): Promise<void> => {
      expect(isAborted).toBe(false);
      started.push(name);
      if (name === 'zlib') throw new Error('zlib is broken');
      await sleep(20);
    };
    const watched = (name: string, own: AbortSignal): Promise<void> => {
      own.addEventListener('abort', () => (aborted = true));
      return work(name, own);
    };
    await expect(runGraph({ order: ORDER, dependencies, work: watched, signal })).rejects.toThrow(
      'zlib is broken',
    );
    expect(started.sort()).toEqual(['openssl', 'zlib']);
    expect(aborted).toBe(true);
  });
});
