import { describe, expect, test } from 'vitest';
import { readElf } from '../../../src/domain/elf/file.ts';
import { readSymbols } from '../../../src/domain/elf/symbols.ts';
import { PLACEHOLDER_RPATH } from '../../../src/domain/layout.ts';
import { relocateElf } from '../../../src/relocate/rpath.ts';
import { ownRpath, wantedRpath } from '../../../src/relocate/rpath-value.ts';
import { buildElf, type ElfPlan } from '../../fixtures/elf-builder.ts';

const PLAN: ElfPlan = {
  needed: ['libone.so.1', 'libc.so.6'],
  undefined: [{ name: 'one', version: 'ONE_1', library: 'libone.so.1' }],
  defined: [{ name: 'two' }],
  note: true,
};

test.each([
  ['bin/httpd', '$ORIGIN/../lib'],
  ['lib/libssl.so.3', '$ORIGIN'],
  ['modules/mod_ssl.so', '$ORIGIN/../lib'],
  ['lib/python3.13/lib-dynload/_ssl.so', '$ORIGIN/../..'],
  ['lib/python3.13/site-packages/a/b.so', '$ORIGIN/../../..'],
  ['top.so', '$ORIGIN/lib'],
])('%s finds the libraries through %s', (file, rpath) => {
  expect(ownRpath(file)).toBe(rpath);
});

test('of a wheel, the directories in the release are kept', () => {
  expect(wantedRpath('a/b/c.so', '/build/x:$ORIGIN/../x.libs')).toBe('$ORIGIN/../x.libs');
  expect(wantedRpath('a/b/c.so', '/build/x')).toBe('$ORIGIN/../../lib');
});

describe('relocateElf', () => {
  test.each(['rpath', 'runpath'] as const)('overwrites the placeholder in %s in place', (tag) => {
    const before = buildElf({ ...PLAN, [tag]: PLACEHOLDER_RPATH });
    const change = relocateElf(before, 'bin/httpd');
    expect(change).toMatchObject({ kind: 'overwritten', rpath: '$ORIGIN/../lib' });
    const after = bytesOf(change);
    expect(after.length).toBe(before.length);
    expect(after.includes(PLACEHOLDER_RPATH.slice(0, 12))).toBe(false);
    expect(after.includes('xxxx')).toBe(false);
    expectIntact(after, '$ORIGIN/../lib');
  });

  test('a second time changes nothing', () => {
    const once = bytesOf(relocateElf(buildElf({ ...PLAN, runpath: PLACEHOLDER_RPATH }), 'bin/httpd'));
    expect(relocateElf(once, 'bin/httpd')).toEqual({ kind: 'unchanged' });
    const appended = bytesOf(relocateElf(buildElf(PLAN), 'lib/a/b.so'));
    expect(relocateElf(appended, 'lib/a/b.so')).toEqual({ kind: 'unchanged' });
  });

  test('keeps the directories of a wheel, as DT_RPATH', () => {
    const change = relocateElf(buildElf({ ...PLAN, runpath: '$ORIGIN/../x.libs' }), 'lib/python3.13/x/y.so');
    expect(change.kind).toBe('overwritten');
    expectIntact(bytesOf(change), '$ORIGIN/../x.libs');
  });

  test('the value of DT_RUNPATH counts if there are both', () => {
    const change = relocateElf(buildElf({ ...PLAN, rpath: '/old', runpath: '$ORIGIN' }), 'lib/x/y.so');
    expect(change.kind).toBe('overwritten');
    expectIntact(bytesOf(change), '$ORIGIN');
  });

  test('adds one in a new segment if there is none', () => {
    const change = relocateElf(buildElf(PLAN), 'lib/python3.13/x/y.so');
    expect(change).toMatchObject({ kind: 'added', rpath: '$ORIGIN/../..' });
    expectIntact(bytesOf(change), '$ORIGIN/../..');
  });

  test('adds one if the old string is too short', () => {
    const change = relocateElf(buildElf({ ...PLAN, runpath: '/x' }), 'lib/python3.13/x/y.so');
    expect(change.kind).toBe('added');
    expectIntact(bytesOf(change), '$ORIGIN/../..');
  });

  test('adds one if another name is the tail of the old string', () => {
    const defined = [{ name: 'xxx' }];
    const change = relocateElf(
      buildElf({ ...PLAN, defined, mergeTails: true, runpath: PLACEHOLDER_RPATH }),
      'bin/tool',
    );
    expect(change.kind).toBe('added');
    const after = bytesOf(change);
    expect(readSymbols(after, readElf(after)).defined).toEqual([{ name: 'xxx', default: true }]);
  });

  test('does not add one for a name that only resembles the tail', () => {
    const defined = [{ name: 'xxx' }];
    const change = relocateElf(buildElf({ ...PLAN, defined, runpath: PLACEHOLDER_RPATH }), 'bin/tool');
    expect(change.kind).toBe('overwritten');
  });

  test('leaves a file without room, which inherits', () => {
    expect(relocateElf(buildElf({ ...PLAN, note: false }), 'lib/x/y.so')).toEqual({ kind: 'inherited' });
  });

  test('leaves object files alone', () => {
    expect(relocateElf(buildElf({ kind: 'relocatable' }), 'lib/x.o')).toEqual({ kind: 'unchanged' });
  });
});

function bytesOf(change: ReturnType<typeof relocateElf>): Buffer {
  if (!('bytes' in change)) throw new Error(`nothing written: ${change.kind}`);
  return change.bytes;
}

/** Everything but the RPATH is as planned. */
function expectIntact(bytes: Buffer, rpath: string): void {
  const elf = readElf(bytes);
  expect(elf.dynamic).toMatchObject({ needed: PLAN.needed, rpath });
  expect(elf.dynamic).not.toHaveProperty('runpath');
  expect(readSymbols(bytes, elf)).toMatchObject({
    undefined: [{ name: 'one', version: 'ONE_1', library: 'libone.so.1', weak: false }],
    defined: [{ name: 'two', default: true }],
  });
}
