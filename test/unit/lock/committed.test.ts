import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlatform } from '../../../src/domain/platform.ts';
import { parseWheelName, rankWheel } from '../../../src/domain/wheel-tag.ts';
import { formatLockfile, parseLockfile } from '../../../src/lock/lockfile.ts';

const DIRECTORY = path.join(import.meta.dirname, '../../../lockfiles');
const FILES = (await readdir(DIRECTORY)).filter((file) => file.endsWith('.json'));

describe('the committed lockfiles', () => {
  it('cover keystone on both architectures', () => {
    expect(FILES).toEqual(
      expect.arrayContaining(['keystone.aarch64-linux-gnu.2.17.json', 'keystone.x86_64-linux-gnu.2.17.json']),
    );
  });

  it.each(FILES)('%s names no host, is in canonical form, and every wheel fits its floor', async (file) => {
    const text = await readFile(path.join(DIRECTORY, file), 'utf8');
    expect(text).not.toMatch(/:\/\/|\.org|\.com|\.net/);
    const lock = parseLockfile(text, file);
    expect(text).toBe(formatLockfile(lock));
    expect(file).toBe(`${lock.bundle}.${lock.platform}.json`);
    const platform = parsePlatform(lock.platform);
    if (platform === undefined) throw new Error(lock.platform);
    const [major = 0, minor = 0] = lock.python.split('.').map(Number);
    for (const wheel of lock.wheels) {
      const name = parseWheelName(wheel.file);
      expect(name, wheel.file).toMatchObject({ distribution: wheel.name, version: wheel.version });
      if (name === undefined) continue;
      expect(rankWheel(name, { python: { major, minor }, platform }), wheel.file).toBeDefined();
    }
  });
});
