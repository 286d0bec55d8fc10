import {
  chmod,
  cp,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readElf } from '../../../src/domain/elf/file.ts';
import { PLACEHOLDER_PREFIX, PLACEHOLDER_RPATH } from '../../../src/domain/layout.ts';
import { run } from '../../../src/io/process.ts';
import { relocateTree } from '../../../src/relocate/tree.ts';
import { buildElf } from '../../fixtures/elf-builder.ts';
import { findCompiler } from '../../fixtures/compiler.ts';

let root: string;

beforeEach(async () => {
  root = path.join(await mkdtemp(path.join(tmpdir(), 'ksb relocate-')), 'relëase');
  for (const directory of ['bin', 'lib/deep/er', 'modules'])
    await mkdir(path.join(root, directory), { recursive: true });
});
afterEach(() => rm(path.dirname(root), { recursive: true, force: true }));

const at = (file: string): string => path.join(root, file);
const modeOf = async (file: string): Promise<string> => ((await lstat(at(file))).mode & 0o7777).toString(8);

describe('relocateTree', () => {
  test('rewrites every kind of file, reports it, and does nothing the second time', async () => {
    await writeFile(at('bin/tool'), buildElf({ runpath: PLACEHOLDER_RPATH, needed: ['libx.so'] }), {
      mode: 0o755,
    });
    await writeFile(at('lib/deep/er/y.so'), buildElf({ needed: ['libx.so'], note: true }), { mode: 0o755 });
    await writeFile(at('lib/deep/z.so'), buildElf({ needed: ['libx.so'] }), { mode: 0o755 });
    await writeFile(at('lib/deep/fake.so'), '\x7fELF but nothing more');
    await writeFile(at('bin/script'), '#!/usr/bin/env python3\nprint(1)\n', { mode: 0o755 });
    await symlink(`${PLACEHOLDER_PREFIX}/lib/deep`, at('bin/link'));
    await symlink(at('lib'), at('bin/other'));

    const options = { buildDirectories: [], python: 'bin/python3' };
    const report = await relocateTree(root, options);
    expect(report).toMatchObject({
      elfFiles: 3,
      rpaths: [
        { path: 'bin/tool', rpath: '$ORIGIN/../lib', kind: 'overwritten' },
        { path: 'lib/deep/er/y.so', rpath: '$ORIGIN/../..', kind: 'added' },
      ],
      inherited: ['lib/deep/z.so'],
      symlinks: [
        { path: 'bin/link', target: '../lib/deep' },
        { path: 'bin/other', target: '../lib' },
      ],
      shebangs: ['bin/script'],
    });
    expect(await readlink(at('bin/link'))).toBe('../lib/deep');
    expect(await readFile(at('lib/deep/fake.so'), 'latin1')).toBe('\x7fELF but nothing more');

    expect(await relocateTree(root, options)).toEqual({
      elfFiles: 3,
      rpaths: [],
      inherited: ['lib/deep/z.so'],
      symlinks: [],
      shebangs: [],
      stripped: [],
      modes: [],
    });
  });

  test('modes become 0755 or 0644, whatever they were', async () => {
    const files = { 'bin/suid': 0o4711, 'bin/x': 0o700, 'lib/secret': 0o600, 'lib/open': 0o666 };
    for (const [file, mode] of Object.entries(files)) {
      await writeFile(at(file), 'x');
      await chmod(at(file), mode);
    }
    await chmod(at('modules'), 0o700);
    const { modes } = await relocateTree(root, { buildDirectories: [] });
    expect(modes).toEqual(expect.arrayContaining(['bin/suid', 'bin/x', 'lib/open', 'lib/secret', 'modules']));
    expect(await Promise.all(['bin/suid', 'bin/x', 'lib/secret', 'lib/open', 'modules'].map(modeOf))).toEqual(
      ['755', '755', '644', '644', '755'],
    );
  });

  test('a module of a library is no program, even if it was installed as executable', async () => {
    await writeFile(at('lib/deep/base64.py'), '#! /usr/bin/env python3\n', { mode: 0o755 });
    const report = await relocateTree(root, { buildDirectories: [], python: 'bin/python3' });
    expect(report).toMatchObject({ shebangs: [], modes: ['lib/deep/base64.py'] });
    expect(await modeOf('lib/deep/base64.py')).toBe('644');
    expect(await readFile(at('lib/deep/base64.py'), 'utf8')).toBe('#! /usr/bin/env python3\n');
  });

  test('hard links to a file, also outside the tree, keep their bytes', async () => {
    const outside = path.join(path.dirname(root), 'stored');
    await writeFile(outside, buildElf({ runpath: PLACEHOLDER_RPATH }), { mode: 0o755 });
    await link(outside, at('bin/tool'));
    await relocateTree(root, { buildDirectories: [] });
    expect(readElf(await readFile(outside)).dynamic?.runpath).toBe(PLACEHOLDER_RPATH);
    expect(readElf(await readFile(at('bin/tool'))).dynamic?.rpath).toBe('$ORIGIN/../lib');
  });

  test('a Python script runs from anywhere, through a symbolic link too', async () => {
    await writeFile(at('bin/python3'), '#!/bin/sh\necho "release python: $*"\n', { mode: 0o755 });
    await writeFile(at('bin/script'), `#!${PLACEHOLDER_PREFIX}/bin/python3\nprint(1)\n`, { mode: 0o755 });
    await relocateTree(root, { buildDirectories: [], python: 'bin/python3' });
    const elsewhere = path.join(path.dirname(root), 'link');
    await symlink(at('bin/script'), elsewhere);
    for (const program of [at('bin/script'), elsewhere]) {
      expect((await run([program, 'a b'])).stdout).toBe(`release python: ${program} a b`);
    }
  });
});

const compiler = await findCompiler();

describe.skipIf(compiler === undefined)('with real programs', () => {
  const compile = async (argv: readonly string[]): Promise<void> => {
    const result = await run([compiler ?? 'cc', ...argv], { directory: root });
    expect(result.stderr).toBe('');
    expect(result.exitCode).toBe(0);
  };

  beforeEach(async () => {
    await writeFile(at('inner.c'), 'int inner(void) { return 40; }\n');
    await writeFile(at('outer.c'), 'int inner(void); int outer(void) { return inner() + 2; }\n');
    await writeFile(
      at('main.c'),
      '#include <stdio.h>\nint outer(void); int main(void) { printf("%d", outer()); }\n',
    );
    await compile(['-shared', '-fPIC', '-o', 'lib/libinner.so', '-Wl,-soname,libinner.so', 'inner.c']);
  });

  test.each([
    [
      'a placeholder in DT_RUNPATH',
      [`-Wl,-rpath,${PLACEHOLDER_RPATH}`, '-Wl,--enable-new-dtags'],
      'overwritten',
    ],
    [
      'a placeholder in DT_RPATH',
      [`-Wl,-rpath,${PLACEHOLDER_RPATH}`, '-Wl,--disable-new-dtags'],
      'overwritten',
    ],
    ['no RPATH at all', ['-Wl,--build-id'], 'added'],
  ] as const)('a program and a library with %s run from where they were moved to', async (_, flags, kind) => {
    const linking = ['-Llib', '-Wl,-rpath-link,lib', ...flags];
    await compile(['-shared', '-fPIC', '-o', 'lib/deep/er/libouter.so', 'outer.c', ...linking, '-linner']);
    await compile(['-o', 'bin/main', 'main.c', '-Llib/deep/er', ...linking, '-louter']);
    await rm(at('lib/libouter.so'), { force: true });
    await symlink('deep/er/libouter.so', at('lib/libouter.so'));
    const report = await relocateTree(root, { buildDirectories: [] });
    expect(report.rpaths).toEqual(
      expect.arrayContaining([
        { path: 'bin/main', rpath: '$ORIGIN/../lib', kind },
        { path: 'lib/deep/er/libouter.so', rpath: '$ORIGIN/../..', kind },
      ]),
    );
    const moved = path.join(path.dirname(root), 'möved');
    await cp(root, moved, { recursive: true, verbatimSymlinks: true });
    await rm(root, { recursive: true });
    const result = await run([path.join(moved, 'bin/main')], { environment: {} });
    expect(result).toMatchObject({ exitCode: 0, stdout: '42' });
  });

  test('debug information and symbol tables are removed, and loaded sections stay', async () => {
    await compile(['-g', '-o', 'bin/main', 'main.c', 'outer.c', '-Llib', '-linner']);
    await compile(['-g', '-c', '-o', 'lib/object.o', 'inner.c']);
    const before = await readFile(at('bin/main'));
    expect(before.includes('.debug_info\0')).toBe(true);
    const sections = async (file: string): Promise<string> =>
      (await run(['readelf', '--sections', '--wide', file], { directory: root })).stdout;
    expect(await sections('bin/main')).toContain('.symtab');
    const { stripped } = await relocateTree(root, { buildDirectories: [] });
    // An object file is for linkers, which need its symbols.
    expect(stripped).toEqual(['bin/main', 'lib/libinner.so']);
    const after = await sections('bin/main');
    expect(after).not.toMatch(/\.debug_|\.symtab|\.strtab/);
    expect(after).toContain('.comment');
    expect((await lstat(at('bin/main'))).size).toBeLessThan(before.length);
    expect((await run(['readelf', '--all', 'bin/main'], { directory: root })).stderr).toBe('');
    expect(await run([at('bin/main')], { environment: {} })).toMatchObject({ exitCode: 0, stdout: '42' });
    expect((await relocateTree(root, { buildDirectories: [] })).stripped).toEqual([]);
  });
});
