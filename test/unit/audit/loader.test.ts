import { describe, expect, test } from 'vitest';
import { closureOf, startProcess } from '../../../src/audit/loader.ts';
import { simulateLoads } from '../../../src/audit/loads.ts';
import { indexEntries, resolvePath, type ReleaseFiles } from '../../../src/audit/release.ts';
import type { ScannedEntry } from '../../../src/audit/scan.ts';
import { readElf } from '../../../src/domain/elf/file.ts';
import { readSymbols } from '../../../src/domain/elf/symbols.ts';
import { buildElf, type ElfPlan } from '../../fixtures/elf-builder.ts';

/** A release of ELF files (plans) and symbolic links (targets). */
function release(files: Readonly<Record<string, ElfPlan | string>>): ReleaseFiles {
  const entries = Object.entries(files).map(([path, content]): ScannedEntry => {
    if (typeof content === 'string') return { path, kind: 'symlink', mode: 0o777, target: content };
    const bytes = buildElf(content);
    const file = readElf(bytes);
    return {
      path,
      kind: 'file',
      mode: 0o755,
      elf: { path, file, symbols: readSymbols(bytes, file), definitions: new Map(), libraries: [] },
    };
  });
  const parents = Object.keys(files).flatMap((file) =>
    file
      .split('/')
      .slice(0, -1)
      .map((_, depth, names) => names.slice(0, depth + 1).join('/')),
  );
  const directories = [...new Set(parents)].map((path): ScannedEntry => ({
    path,
    kind: 'directory',
    mode: 0o755,
  }));
  return indexEntries([...directories, ...entries], { arch: 'x86_64', floor: { major: 2, minor: 17 } });
}

const PROGRAM: ElfPlan = { kind: 'executable', rpath: '$ORIGIN/../lib', needed: ['liba.so', 'libc.so.6'] };

/** Paths of the loaded objects, and the missing libraries of each. */
function load(files: Readonly<Record<string, ElfPlan | string>>): { loaded: string[]; missing: string[] } {
  const program = release(files);
  const [first] = simulateLoads(program, []);
  const objects = first?.objects ?? [];
  return {
    loaded: objects.map(({ elf }) => elf.path),
    missing: objects.flatMap(({ elf, missing }) => missing.map((library) => `${elf.path}: ${library}`)),
  };
}

describe("glibc's search order", () => {
  test("a library without RPATH inherits that of its loader, and of its loader's loader", () => {
    const found = load({
      'bin/p': PROGRAM,
      'lib/liba.so': { needed: ['libb.so'] },
      'lib/libb.so': { needed: ['libc2.so'] },
      'lib/libc2.so': {},
    });
    expect(found).toEqual({ loaded: ['bin/p', 'lib/liba.so', 'lib/libb.so', 'lib/libc2.so'], missing: [] });
  });

  test('a library with RUNPATH does not', () => {
    const found = load({
      'bin/p': PROGRAM,
      'lib/liba.so': { runpath: '$ORIGIN/x', needed: ['libb.so'] },
      'lib/libb.so': {},
    });
    expect(found.missing).toEqual(['lib/liba.so: libb.so']);
  });

  test('RUNPATH of the program is not inherited, and makes its RPATH void', () => {
    const found = load({
      'bin/p': { ...PROGRAM, runpath: '$ORIGIN/../lib' },
      'lib/liba.so': { needed: ['libb.so'] },
      'lib/libb.so': {},
    });
    expect(found.missing).toEqual(['lib/liba.so: libb.so']);
  });

  test('the directories of an RPATH are tried in order', () => {
    const files = { 'lib/liba.so': {}, 'lib/first/liba.so': {} };
    const rpath = '/elsewhere:$ORIGIN/../lib/first:$ORIGIN/../lib';
    expect(load({ 'bin/p': { ...PROGRAM, rpath }, ...files }).loaded).toEqual(['bin/p', 'lib/first/liba.so']);
  });

  test('$ORIGIN is where a library was found, before symbolic links are followed', () => {
    const files = { 'bin/p': PROGRAM, 'lib/liba.so': '../deep/liba.so', 'lib/libb.so': {} };
    expect(load({ ...files, 'deep/liba.so': { rpath: '$ORIGIN', needed: ['libb.so'] } }).missing).toEqual([]);
  });

  test('a loaded library is reused by its soname, wherever it is', () => {
    const found = load({
      'bin/p': { ...PROGRAM, rpath: '$ORIGIN/../lib:$ORIGIN/../deep', needed: ['libreal.so', 'liba.so'] },
      'deep/libreal.so': { soname: 'libb.so.1' },
      'lib/liba.so': { runpath: '$ORIGIN', needed: ['libb.so.1'] },
    });
    expect(found.missing).toEqual([]);
  });

  test('a library with two names is loaded once', () => {
    const found = load({
      'bin/p': { ...PROGRAM, needed: ['liba.so', 'liba.so.1'] },
      'lib/liba.so': {},
      'lib/liba.so.1': 'liba.so',
    });
    expect(found.loaded).toEqual(['bin/p', 'lib/liba.so']);
  });

  test("only glibc's own libraries come from the host, by name, not by path", () => {
    const found = load({
      'bin/p': { ...PROGRAM, needed: ['libm.so.6', 'libz.so.1', '../lib/liba.so'] },
      'lib/liba.so': {},
    });
    expect(found.missing).toEqual(['bin/p: libz.so.1', 'bin/p: ../lib/liba.so']);
  });

  test('libraries that need each other have the same closure', () => {
    const files = release({
      'bin/p': PROGRAM,
      'lib/liba.so': { needed: ['libb.so'] },
      'lib/libb.so': { needed: ['liba.so'] },
    });
    const program = files.byPath.get('bin/p')?.elf;
    const [, a, b] = program === undefined ? [] : startProcess(files, program).objects;
    expect(a !== undefined && b !== undefined && closureOf(a).has(b) && closureOf(b).has(a)).toBe(true);
  });
});

describe('simulateLoads', () => {
  const files = release({
    'bin/p': { ...PROGRAM, needed: [] },
    'modules/one.so': { rpath: '$ORIGIN/../lib', needed: ['liba.so'] },
    'modules/two.so': {},
    'lib/liba.so': {},
    'lib/python/x.so': {},
    'lib/alone.so': { needed: ['liba.so'] },
  });
  const host = { program: 'bin/p', preloaded: [], shared: false };
  const scopes = (loads: ReturnType<typeof simulateLoads>): string[][] =>
    loads.map(({ objects, scope }) =>
      [objects, scope].map((list) => list.map(({ elf }) => elf.path).join(' ')),
    );

  test('loads plug-ins into their host, and the rest alone', () => {
    expect(scopes(simulateLoads(files, [{ ...host, plugins: ['modules/*.so'] }]))).toEqual([
      ['bin/p', ''],
      ['modules/one.so lib/liba.so', 'bin/p'],
      ['modules/two.so', 'bin/p'],
      ['lib/python/x.so', ''],
      ['lib/alone.so', ''],
    ]);
  });

  test('plug-ins see each other if they are shared', () => {
    const loads = simulateLoads(files, [{ ...host, plugins: ['modules/*.so'], shared: true }]);
    expect(scopes(loads)[2]).toEqual(['modules/two.so', 'bin/p modules/one.so lib/liba.so modules/two.so']);
  });

  test('plug-ins see preloaded ones', () => {
    const loads = simulateLoads(files, [
      { ...host, plugins: ['lib/python/*.so'], preloaded: ['modules/one.so'] },
    ]);
    expect(scopes(loads)[1]).toEqual(['lib/python/x.so', 'bin/p modules/one.so lib/liba.so']);
  });

  test("a library without RPATH that depends on a program's RPATH is not found alone", () => {
    const alone = simulateLoads(files, []).find(({ objects }) => objects[0]?.elf.path === 'lib/alone.so');
    expect(alone?.objects[0]?.missing).toEqual(['liba.so']);
  });
});

describe('resolvePath', () => {
  const { byPath } = release({
    'lib/real/x.so': {},
    'lib/link.so': 'real/x.so',
    dir: 'lib/real',
    'up/here': '..',
    loop: 'loop',
    absolute: '/lib/x.so',
    outside: '../x.so',
  });

  test.each([
    ['lib/real/x.so', 'lib/real/x.so'],
    ['lib/link.so', 'lib/real/x.so'],
    ['dir/x.so', 'lib/real/x.so'],
    ['up/here/lib/link.so', 'lib/real/x.so'],
    ['loop', undefined],
    ['absolute', undefined],
    ['outside', undefined],
    ['../x.so', undefined],
    ['none', undefined],
  ])('%s is %s', (file, expected) => {
    expect(resolvePath(byPath, file)?.path).toBe(expected);
  });
});
