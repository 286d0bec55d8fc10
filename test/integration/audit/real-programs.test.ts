import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditTree } from '../../../src/audit/audit.ts';
import type { AuditOptions } from '../../../src/audit/options.ts';
import type { Bill } from '../../../src/domain/bill.ts';
import { PLACEHOLDER_RPATH } from '../../../src/domain/layout.ts';
import type { Embedded } from '../../../src/domain/manifest.ts';
import type { Platform } from '../../../src/domain/platform.ts';
import { run } from '../../../src/io/process.ts';
import { relocateTree } from '../../../src/relocate/tree.ts';
import { findCompiler } from '../../fixtures/compiler.ts';

const compiler = await findCompiler();
const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const newest: Platform = { arch, floor: { major: 2, minor: 999 } };

/** Small programs of each kind, linked by the host's compiler, in a directory beside the release. */
describe.skipIf(compiler === undefined)('of programs linked by the host', () => {
  let work: string;
  let root: string;
  let options: AuditOptions;

  const compile = async (name: string, source: string, flags: readonly string[]): Promise<void> => {
    await writeFile(path.join(work, `${name}.c`), source);
    const rpath = [
      '-Wl,--enable-new-dtags',
      `-Wl,-rpath,${PLACEHOLDER_RPATH}`,
      '-Wl,--allow-shlib-undefined',
    ];
    const argv = [compiler ?? 'cc', `${name}.c`, '-fPIC', '-Lrelease/lib', ...rpath, ...flags];
    const result = await run(argv, { directory: work });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  };
  const compileLibrary = (name: string, source: string, flags: readonly string[] = []): Promise<void> =>
    compile(name, source, [
      '-shared',
      '-Wl,-soname,lib' + name + '.so',
      '-o',
      `release/lib/lib${name}.so`,
      ...flags,
    ]);

  const audit = async (changes: Partial<AuditOptions> = {}): Promise<string[]> => {
    await relocateTree(root, { buildDirectories: [] });
    const { findings } = await auditTree(root, { ...options, ...changes });
    return findings.map(({ rule, path: file, subject }) => `${rule} ${file} ${subject}`);
  };

  beforeEach(async () => {
    work = await mkdtemp(path.join(tmpdir(), 'ksb-audit-'));
    root = path.join(work, 'release');
    for (const directory of ['bin', 'lib', 'modules'])
      await mkdir(path.join(root, directory), { recursive: true });
    options = {
      platform: newest,
      forbidden: [],
      placeholders: [{ label: 'placeholder RPATH', bytes: Buffer.from(PLACEHOLDER_RPATH) }],
      exceptions: [],
      expected: [],
      hosts: [{ program: 'bin/host', plugins: ['modules/*.so'], preloaded: [], shared: false }],
    };
    await compileLibrary('inner', 'int inner(void) { return 1; }');
    await compileLibrary('outer', 'int inner(void); int outer(void) { return inner(); }', ['-linner']);
    const host = 'int outer(void); int api(void) { return outer(); } int main(void) { return api(); }';
    await compile('host', host, ['-rdynamic', '-o', 'release/bin/host', '-louter']);
    await compile('plugin', 'int api(void); int plugin(void) { return api(); }', [
      '-shared',
      '-o',
      'release/modules/plugin.so',
    ]);
  });
  afterEach(() => rm(work, { recursive: true, force: true }));

  test('a valid release is clean, its plug-ins too', async () => {
    expect(await audit()).toEqual([]);
  });

  test('before relocation, RUNPATH and placeholder are found in each', async () => {
    const { findings } = await auditTree(root, options);
    const rules = new Set(findings.map(({ rule }) => rule));
    expect([...rules]).toEqual(expect.arrayContaining(['needed-library', 'placeholder', 'runpath']));
    expect(findings.filter(({ subject }) => subject === 'DT_RUNPATH')).toHaveLength(4);
  });

  test('a plug-in without its host has undefined symbols', async () => {
    expect(await audit({ hosts: [] })).toEqual(['undefined-symbol modules/plugin.so api']);
  });

  test('an old copy that was linked in is found even when stripped, and so are crates listed by cargo-auditable', async () => {
    const list = deflateSync(
      JSON.stringify({
        packages: [
          { name: 'asn1', version: '0.16.2', source: 'crates.io' },
          { name: 'cc', version: '1.0.0', source: 'crates.io', kind: 'build' },
          { name: 'mine', version: '0.1.0', source: 'local' },
        ],
      }),
    );
    const source = `
      static const char copyright[] = " inflate 1.2.11 Copyright 1995-2017 Mark Adler ";
      __attribute__((section(".dep-v0"), used)) static const unsigned char list[] = {${[...list].join(',')}};
      const char *old(int at) { return copyright + at; }`;
    await compileLibrary('old', source, ['-O2', '-s']);
    const bill: Bill = {
      parts: new Map([['lib/libold.so', 'component:old']]),
      components: [
        { name: 'old', version: '1', requires: ['component:zlib'] },
        { name: 'zlib', version: '1.3.2', requires: [] },
      ],
      embeds: [],
    };
    expect(await audit({ bill })).toEqual([
      'unbilled-library lib/libold.so crate asn1 0.16.2',
      'unbilled-library lib/libold.so zlib 1.2.11',
    ]);
    const declare = (purl: string, name: string, version: string): Embedded => ({
      carrier: 'component:old',
      name,
      version,
      purl,
      source: 'recipe',
    });
    const embeds = [
      declare('pkg:cargo/asn1@0.16.2', 'asn1', '0.16.2'),
      declare('pkg:generic/zlib@1.2.11', 'zlib', '1.2.11'),
    ];
    expect(await audit({ bill: { ...bill, embeds } })).toEqual([]);
    // Declared libraries must exist.
    await compileLibrary('old', 'int old(void) { return 1; }');
    expect(await audit({ bill: { ...bill, embeds } })).toEqual(['unbilled-library . zlib 1.2.11']);
  });

  test('a library that lost a symbol since is found, although the linker allowed it', async () => {
    await compileLibrary('inner', 'int renamed(void) { return 1; }');
    expect(await audit()).toEqual(['undefined-symbol lib/libouter.so inner']);
  });

  test('a missing library is named with the file that needs it', async () => {
    await rm(path.join(root, 'lib/libinner.so'));
    expect(await audit()).toEqual(['needed-library lib/libouter.so libinner.so']);
  });

  test('a lost version of a symbol is found', async () => {
    const script = path.join(work, 'map');
    const versioned = async (version: string): Promise<void> => {
      await writeFile(script, `${version} { global: fresh; local: *; };\n`);
      await compileLibrary('fresh', 'int fresh(void) { return 1; }', [`-Wl,--version-script=${script}`]);
    };
    await versioned('FRESH_1');
    await compile('user', 'int fresh(void); int main(void) { return fresh(); }', [
      '-o',
      'release/bin/user',
      '-lfresh',
    ]);
    expect(await audit()).toEqual([]);
    await versioned('FRESH_2');
    expect(await audit()).toEqual(['undefined-symbol bin/user fresh@FRESH_1']);
  });

  test('a symbol version newer than the floor is found', async () => {
    const findings = await audit({ platform: { arch, floor: { major: 2, minor: 1 } } });
    expect(findings).toContainEqual(
      expect.stringMatching(/^glibc-floor bin\/host __libc_start_main@GLIBC_2\.\d+$/),
    );
  });

  test('an executable stack is found', async () => {
    await compileLibrary('stack', 'int stack;', ['-Wl,-z,execstack', '-Wl,--no-warn-execstack']);
    expect(await audit()).toEqual(['executable-stack lib/libstack.so PT_GNU_STACK']);
  });

  test('the work directory is found where the compiler left it', async () => {
    const source = path.join(work, 'paths.c');
    await compileLibrary('paths', `# 1 "${source}"\nconst char *file = __FILE__;`);
    const directory = { label: 'work directory', bytes: Buffer.from(work) };
    expect(await audit({ forbidden: [directory] })).toEqual(['build-path lib/libpaths.so work directory']);
  });
});
