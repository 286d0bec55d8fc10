import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readElf } from '../../src/domain/elf/file.ts';
import { isElf } from '../../src/domain/elf/header.ts';
import { readSymbols } from '../../src/domain/elf/symbols.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../../src/domain/platform.ts';
import type { Step } from '../../src/domain/recipe.ts';
import { unpackArchive } from '../../src/io/archive.ts';
import { removeTree } from '../../src/io/files.ts';
import { readManifestFromTarball } from '../../src/pack/inspect.ts';
import { buildArchitecture } from '../../src/pipeline/build-architecture.ts';
import { loadRecipes } from '../../src/recipe/load.ts';
import { projectAt } from '../support/projects.ts';
import { buildApart } from './support/build-apart.ts';
import { tarball } from './support/bundle.ts';
import { ROOT } from './support/cli.ts';
import { crossBuilt, FOREIGN, storedArtifacts } from './support/cross-built.ts';
import { exhaustive } from './support/requirements.ts';

/** Functions of the C library that a compiler puts in place, or calls, as it likes on each processor. */
const BUILT_IN = new Set(
  `abort bcmp memcmp memcpy memmove memset strlen ceil cos exp floor fma fmod log round sin
  __errno_location __register_atfork __stack_chk_fail __stack_chk_guard __tls_get_addr getauxval pthread_atfork`.split(
    /\s+/u,
  ),
);

/** What a file asks of the C library on one processor only, and why. */
const KNOWN: readonly string[] = [
  // uWSGI calls the kernel by number on x86_64, and the C library elsewhere.
  'bin/uwsgi: syscall',
  'bin/uwsgi: timerfd_create',
  'bin/uwsgi: timerfd_settime',
  'lib/libcrypto.so.3: usleep',
  // The unwinder reads the frames of signals through the kernel on aarch64.
  'lib/libgcc_s.so.1: syscall',
];

/** Headers with what configure scripts found; `pyconfig.h` may differ in what x86_64 alone has. */
const HEADERS: readonly (readonly [component: string, header: string, allowed: readonly string[]])[] = [
  ['apr', 'include/apr-1/apr.h', []],
  ['apr-util', 'include/apr-1/apu.h', []],
  ['httpd', 'include/ap_config_auto.h', []],
  ['cpython', 'include/python3.13/pyconfig.h', ['HAVE_GCC_ASM_FOR_X64', 'HAVE_GCC_ASM_FOR_X87']],
];

describe.skipIf(!exhaustive)('the release for aarch64, built on x86_64', () => {
  let work: string;
  let releases: readonly [string, string];

  beforeAll(async () => {
    work = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-likeness-'));
    releases = [path.join(work, 'native'), path.join(work, 'foreign')];
    await unpackArchive(tarball(), releases[0], { strip: 1 });
    await unpackArchive(await crossBuilt(), releases[1], { strip: 1 });
    return () => removeTree(work);
  }, 60 * 60_000);

  it('asks the C library for the same in every compiled file: no configure script found less', async () => {
    const { files } = await readManifestFromTarball(tarball());
    const compiled = files.filter(({ part }) => part.startsWith('component:'));
    const differences: string[] = [];
    let compared = 0;
    for (const { path: file } of compiled) {
      const native = await wantedBy(path.join(releases[0], file));
      if (native === undefined) continue;
      const foreign = await wantedBy(path.join(releases[1], file.replace('x86_64', 'aarch64')));
      compared += 1;
      for (const symbol of differing(native, foreign ?? new Set()))
        if (!BUILT_IN.has(symbol)) differences.push(`${file}: ${symbol}`);
    }
    expect(compared).toBeGreaterThan(100);
    expect(differences.toSorted()).toEqual(KNOWN);
  });

  it.each(HEADERS)('has the same configuration of %s, in %s', async (component, header, allowed) => {
    const lines = await Promise.all(
      [DEFAULT_PLATFORM, FOREIGN].map(async (platform) => {
        const tree = path.join(work, `${component}-${platform}`);
        const { store, records } = await storedArtifacts(platform);
        const record = records.get(component);
        if (record === undefined) throw new TypeError(component);
        await unpackArchive(store.pathOf(record.artifact), tree);
        return new Set((await readFile(path.join(tree, header), 'utf8')).split('\n'));
      }),
    );
    const [native = new Set<string>(), foreign = new Set<string>()] = lines;
    const names = differing(native, foreign).map((line) => /[A-Z]\w+/u.exec(line)?.[0] ?? line);
    expect([...new Set(names)].toSorted()).toEqual(allowed);
  });

  it(
    'has the same configuration of apr, also in apr_private.h, which apr does not install',
    async () => {
      const keep: Step = {
        name: 'keep',
        command: { kind: 'script', script: 'cp include/arch/unix/apr_private.h "${dest}${prefix}/include/"' },
        directory: '.',
        environment: {},
      };
      const lines = await Promise.all(
        [DEFAULT_PLATFORM, FOREIGN].map(async (name) => {
          const platform = parsePlatform(name);
          if (platform === undefined) throw new TypeError(name);
          const set = await loadRecipes(projectAt(ROOT), platform, buildArchitecture());
          const apr = set.components.get('apr');
          if (apr === undefined) throw new TypeError('no apr');
          const components = new Map([['apr', { ...apr, steps: [...apr.steps, keep] }]]);
          const directory = path.join(work, `private-${name}`);
          const artifact = await buildApart('apr', { set: { ...set, components }, platform, directory });
          await unpackArchive(artifact, path.join(directory, 'tree'));
          const text = await readFile(path.join(directory, 'tree/include/apr_private.h'), 'utf8');
          return new Set(text.split('\n'));
        }),
      );
      const [native = new Set<string>(), foreign = new Set<string>()] = lines;
      expect(native.size).toBeGreaterThan(100);
      expect(differing(native, foreign)).toEqual([]);
    },
    15 * 60_000,
  );
});

/** What only one of the two has. */
function differing(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  return [...[...one].filter((each) => !other.has(each)), ...[...other].filter((each) => !one.has(each))];
}

/** Names of the symbols that an ELF file needs; undefined for another file. */
async function wantedBy(file: string): Promise<ReadonlySet<string> | undefined> {
  const bytes = await readFile(file);
  if (!isElf(bytes)) return undefined;
  return new Set(readSymbols(bytes, readElf(bytes)).undefined.map(({ name }) => name));
}
