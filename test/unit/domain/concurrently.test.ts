import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mapConcurrently } from '../../../src/domain/concurrently.ts';

describe('mapConcurrently', () => {
  it('keeps the order of the items, whichever ends first, and the limit', async () => {
    let running = 0;
    let most = 0;
    const doubled = await mapConcurrently([8, 1, 4, 2], 2, async (item) => {
      most = Math.max(most, (running += 1));
      await sleep(item);
      running -= 1;
      return item * 2;
    });
    expect(doubled).toEqual([16, 2, 8, 4]);
    expect(most).toBe(2);
  });

  it('throws the first failure when all running work has ended, and starts nothing more', async () => {
    const seen: string[] = [];
    const work = async (item: string): Promise<void> => {
      seen.push(`${item} started`);
      await sleep(item === 'slow' ? 10 : 1);
      if (item === 'bad') throw new Error('bad');
      seen.push(`${item} ended`);
    };
    await expect(mapConcurrently(['bad', 'slow', 'never'], 2, work)).rejects.toThrow('bad');
    expect(seen).toEqual(['bad started', 'slow started', 'slow ended']);
  });
});
