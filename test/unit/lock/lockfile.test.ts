import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KsbundleError } from '../../../src/domain/errors.ts';
import type { Lockfile } from '../../../src/domain/lock.ts';
import { hashBytes } from '../../../src/io/files.ts';
import {
  formatLockfile,
  lockfilePath,
  parseLockfile,
  readLockfile,
  readLockfileIfAny,
  writeLockfile,
} from '../../../src/lock/lockfile.ts';
import { platformOf } from '../../fixtures/lock-target.ts';
import { demoLock } from './demo-lock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksb-lockfile-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function errorOf(text: string): KsbundleError {
  try {
    parseLockfile(text, 'demo.json');
  } catch (error) {
    if (error instanceof KsbundleError) return error;
    throw error;
  }
  throw new Error('parsed');
}

/** `<line>:<column> <message>` of every problem. */
function problemsOf(text: string): string[] {
  return (errorOf(text).facts.problems ?? []).map(
    ({ place, message }) => `${place?.line}:${place?.column} ${message}`,
  );
}

describe('a lockfile on disk', () => {
  it('is named by bundle and platform', () => {
    expect(lockfilePath('/l', 'demo', platformOf('aarch64-linux-gnu.2.28'))).toBe(
      '/l/demo.aarch64-linux-gnu.2.28.json',
    );
  });

  it('is read back as written, also with its keys in another order', async () => {
    const file = path.join(directory, 'a', 'demo.x.json');
    const lock = demoLock();
    const shuffled = Object.fromEntries(Object.entries(lock).toReversed()) as unknown as Lockfile;
    await writeLockfile(file, shuffled);
    expect(await readLockfile(file)).toEqual(lock);
    expect(await readFile(file, 'utf8')).toBe(formatLockfile(lock));
  });

  it('is reported missing with a hint, or undefined if that is allowed', async () => {
    const file = path.join(directory, 'demo.x86_64-linux-gnu.2.17.json');
    await expect(readLockfile(file)).rejects.toMatchObject({
      facts: { code: 'KSB_LOCK_MISSING', exitCode: 2, hint: 'make one: ksbundle lock demo' },
    });
    expect(await readLockfileIfAny(file)).toBeUndefined();
  });

  it('that is a directory cannot be read', async () => {
    const file = path.join(directory, 'demo.json');
    await mkdir(file);
    await expect(readLockfileIfAny(file)).rejects.toMatchObject({
      facts: { code: 'KSB_LOCK_UNREADABLE', place: { file } },
    });
  });

  it('that is damaged does not count as missing', async () => {
    const file = path.join(directory, 'demo.json');
    await writeFile(file, '');
    await expect(readLockfileIfAny(file)).rejects.toMatchObject({ facts: { code: 'KSB_LOCK_DAMAGED' } });
  });
});

describe('a damaged lockfile', () => {
  const text = formatLockfile(demoLock());

  it('is refused with a hint', () => {
    expect(errorOf('{').facts).toMatchObject({
      code: 'KSB_LOCK_DAMAGED',
      exitCode: 2,
      place: { file: 'demo.json', line: 1, column: 2 },
      hint: 'restore it from version control, or delete it and run: ksbundle lock demo',
    });
  });

  it.each([
    ['', '1:1 not JSON: expected a value'],
    ['{"a": 1,}', '1:9 not JSON: expected a key in double quotes'],
    ['{\n  "a" 1}', '2:7 not JSON: expected ":"'],
    ['[1 2]', '1:4 not JSON: expected "," or "]"'],
    ['{"a": tru}', '1:7 not JSON: expected a value'],
    ['{} x', '1:4 not JSON: expected the end of the file'],
    ['{"a": "b\n"}', '1:7 not JSON: expected a value'],
  ])('%j', (broken, problem) => {
    expect(problemsOf(broken)).toEqual([problem]);
  });

  it('truncated anywhere is refused', () => {
    for (let length = 0; length < text.trimEnd().length; length += 97) {
      expect(errorOf(text.slice(0, length)).facts.code).toBe('KSB_LOCK_DAMAGED');
    }
  });

  it('with merge markers is refused with their line', () => {
    expect(problemsOf(text.replace('  "sources"', '<<<<<<< HEAD\n  "sources"'))).toEqual([
      '14:1 not JSON: expected a key in double quotes',
    ]);
  });

  it('reports every problem with its place', () => {
    const broken = text
      .replace('"format": 1', '"format": 2')
      .replace('"size": 100', '"size": "100"')
      .replace(
        '"version": "1.0",\n      "file": "app',
        '"version": "1.0",\n      "url": "x",\n      "file": "app',
      )
      .replace(hashBytes('lib'), 'abc');
    expect(problemsOf(broken)).toMatchInlineSnapshot(`
      [
        "2:3 format: expected format 1: this lockfile was written by another version of ksbundle",
        "54:7 wheels.0.size: Invalid input: expected number, received string",
        "52:7 unknown key "url"",
        "66:7 wheels.1.sha256: expected a SHA-256 digest, 64 lower-case hexadecimal digits",
      ]
    `);
  });

  it.each(['../app-1.0-py3-none-any.whl', 'a/b.whl', '.whl', ''])('does not name the file %j', (file) => {
    expect(problemsOf(text.replace('app-1.0-py3-none-any.whl', file))).toHaveLength(1);
  });

  it('must lock nothing twice and require only locked distributions', () => {
    const lock = demoLock();
    const [app] = lock.wheels;
    if (app === undefined) throw new Error('demo lock');
    const broken = formatLockfile({ ...lock, wheels: [app, { ...app, requires: ['gone'] }] });
    expect(problemsOf(broken).map((problem) => problem.replace(/^\S+ /, ''))).toEqual([
      'app is locked twice',
      'app requires lib, which is not locked',
      'app requires gone, which is not locked',
    ]);
  });
});
