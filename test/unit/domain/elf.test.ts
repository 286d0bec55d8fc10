import { describe, expect, test } from 'vitest';
import { readElf } from '../../../src/domain/elf/file.ts';
import { isElf } from '../../../src/domain/elf/header.ts';
import { readSymbols } from '../../../src/domain/elf/symbols.ts';
import { buildElf, type ElfPlan } from '../../fixtures/elf-builder.ts';

const LIBRARY: ElfPlan = {
  soname: 'libone.so.1',
  needed: ['libtwo.so.2', 'libc.so.6'],
  runpath: '$ORIGIN/../lib',
  undefined: [
    { name: 'open', version: 'GLIBC_2.2.5', library: 'libc.so.6' },
    { name: 'two', version: 'TWO_2', library: 'libtwo.so.2' },
    { name: 'plain' },
    { name: '__gmon_start__', weak: true },
  ],
  defined: [
    { name: 'one', version: 'ONE_1' },
    { name: 'one', version: 'ONE_0', old: true },
    { name: 'bare' },
  ],
};

describe('readElf', () => {
  test('reads what the loader would', () => {
    const elf = readElf(
      buildElf({ ...LIBRARY, kind: 'executable', interpreter: '/lib64/ld-linux-x86-64.so.2' }),
    );
    expect(elf).toMatchObject({
      machine: 62,
      kind: 'executable',
      interpreter: '/lib64/ld-linux-x86-64.so.2',
    });
    expect(elf.dynamic).toMatchObject({
      needed: ['libtwo.so.2', 'libc.so.6'],
      soname: 'libone.so.1',
      runpath: '$ORIGIN/../lib',
    });
    expect(elf.dynamic).not.toHaveProperty('rpath');
  });

  test('recognises an object file', () => {
    const elf = readElf(buildElf({ kind: 'relocatable' }));
    expect(elf.kind).toBe('relocatable');
    expect(elf.dynamic).toBeUndefined();
  });

  test.each([
    ['a 32-bit file', 4, 1, /32-bit/],
    ['a big-endian file', 5, 2, /big-endian/],
    ['another machine', 18, 243, /RISC-V.*only x86_64 and aarch64/],
    ['a core dump', 16, 4, /type 4/],
  ])('refuses %s by name', (...[, offset, value, message]) => {
    const bytes = buildElf();
    bytes.writeUInt8(value, offset);
    expect(() => readElf(bytes)).toThrow(message);
  });

  test('refuses what is no ELF file', () => {
    expect(isElf(Buffer.from('#!/bin/sh'))).toBe(false);
    expect(() => readElf(Buffer.from('#!/bin/sh'))).toThrow('not an ELF file');
  });
});

describe('readSymbols', () => {
  test.each(['gnu', 'sysv'] as const)('reads symbols with their versions, counted by %s hash', (hash) => {
    const bytes = buildElf({ ...LIBRARY, hash });
    const symbols = readSymbols(bytes, readElf(bytes));
    expect(symbols.undefined).toEqual([
      { name: 'open', version: 'GLIBC_2.2.5', library: 'libc.so.6', weak: false },
      { name: 'two', version: 'TWO_2', library: 'libtwo.so.2', weak: false },
      { name: 'plain', weak: false },
      { name: '__gmon_start__', weak: true },
    ]);
    expect(symbols.defined).toEqual([
      { name: 'one', version: 'ONE_1', default: true },
      { name: 'one', version: 'ONE_0', default: false },
      { name: 'bare', default: true },
    ]);
    expect(symbols.definedVersions).toEqual(['ONE_1', 'ONE_0']);
    expect(symbols.requiredVersions).toEqual([
      { library: 'libc.so.6', version: 'GLIBC_2.2.5', weak: false },
      { library: 'libtwo.so.2', version: 'TWO_2', weak: false },
    ]);
  });

  test('a program without dynamic section has none', () => {
    const bytes = buildElf({ kind: 'relocatable' });
    expect(readSymbols(bytes, readElf(bytes)).undefined).toEqual([]);
  });
});

describe('damaged files', () => {
  const whole = buildElf({ ...LIBRARY, hash: 'sysv' });

  test('truncated anywhere, they are refused with an ElfError', () => {
    for (let size = 4; size < whole.length; size += 1) {
      const cut = whole.subarray(0, size);
      expect(() => readSymbols(cut, readElf(cut)), `${size} bytes`).toThrow(
        expect.objectContaining({ name: 'ElfError' }),
      );
    }
  });

  test('with any byte changed, they are read or refused with an ElfError', () => {
    for (let at = 0; at < whole.length; at += 1) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(value, at);
        expect(outcome(damaged), `byte ${at} = ${value}`).toMatch(/^(read|ElfError)$/);
      }
    }
  });
});

function outcome(bytes: Buffer): string {
  try {
    readSymbols(bytes, readElf(bytes));
    return 'read';
  } catch (error) {
    return error instanceof Error ? error.name : 'unknown';
  }
}
