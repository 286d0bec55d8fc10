import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compilerEnvironment } from '../../src/build/environment.ts';
import { toolchainKey } from '../../src/build/key.ts';
import { cacheHome } from '../../src/cli/environment.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../../src/domain/platform.ts';
import { exists, removeTree } from '../../src/io/files.ts';
import { run, type RunResult } from '../../src/io/process.ts';
import { packageRoot } from '../../src/io/package-info.ts';
import { loadRecipes } from '../../src/recipe/load.ts';
import { buildArchitecture } from '../../src/pipeline/build-architecture.ts';
import { projectAt } from '../support/projects.ts';

const platform = parsePlatform(DEFAULT_PLATFORM);
if (platform === undefined) throw new TypeError(DEFAULT_PLATFORM);
const { toolchain } = await loadRecipes(projectAt(packageRoot()), platform);
const base = process.env['KSBUNDLE_CACHE'] ?? path.join(cacheHome(process.env), 'ksbundle');
const root = path.join(base, 'toolchains', toolchainKey(toolchain, buildArchitecture()));

let work: string;

beforeAll(async () => {
  work = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-compiler-'));
  await writeFile(path.join(work, 'one.c'), '#include "both.h"\nint one = FLOOR;\n');
  await writeFile(path.join(work, 'two.c'), '#include "both.h"\nint two = FLOOR;\n');
  await writeFile(path.join(work, 'both.h'), '#include <features.h>\n#define FLOOR __GLIBC_MINOR__\n');
  return () => removeTree(work);
});

async function cc(parameters: readonly string[], input?: string): Promise<RunResult> {
  return run([path.join(root, 'bin', 'cc'), ...parameters], {
    directory: work,
    environment: {
      PATH: '/usr/bin:/bin',
      ...compilerEnvironment({
        platform: platform as NonNullable<typeof platform>,
        toolchain: root,
        directories: { work, inputs: work },
      }),
    },
    ...(input === undefined ? {} : { input }),
  });
}

const there = await exists(path.join(root, 'ready'));

describe.skipIf(!there)(
  `the compiler wrapper${there ? '' : ' (the store has no toolchain: run ksbundle build first)'}`,
  () => {
    it('lists the dependencies of several files', async () => {
      const { stdout, stderr } = await cc(['-MM', '-I', '.', '-MT', 'all', 'one.c', 'two.c']);
      expect(stderr).toBe('');
      expect(stdout.split('\n')).toEqual(['all: one.c both.h', 'all: two.c both.h']);
    });

    it('preprocesses and compiles several files at the floor, and standard input', async () => {
      const { stdout } = await cc(['-E', '-P', 'one.c', 'two.c']);
      expect(stdout).toContain('int one = 17;');
      expect(stdout).toContain('int two = 17;');
      expect(await cc(['-c', 'one.c', 'two.c'])).toMatchObject({ exitCode: 0 });
      expect(await readdir(work)).toEqual(expect.arrayContaining(['one.o', 'two.o']));
      expect(
        (await cc(['-E', '-'], '#include <features.h>\nint floor = __GLIBC_MINOR__;\n')).stdout,
      ).toContain('int floor = 17;');
    });

    it.each(['-print-search-dirs', '--print-file-name=crti.o', '-print-resource-dir'])(
      'answers %s about itself, and nothing else',
      async (question) => {
        const { exitCode, stdout, stderr } = await cc([question]);
        expect([exitCode, stderr]).toEqual([0, '']);
        expect(stdout).not.toBe('');
      },
    );

    it('names the programs of the closed PATH, not those of the host', async () => {
      expect(await cc(['-print-prog-name=ld'])).toMatchObject({ exitCode: 0, stdout: 'ld', stderr: '' });
    });

    it('prints its version', async () => {
      const { exitCode, stderr } = await cc(['-v']);
      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/^clang version/u);
      expect(stderr).not.toContain('invalid');
    });

    it('fails if one of several fails', async () => {
      const { exitCode, stderr } = await cc(['-MM', 'absent.c', 'one.c']);
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain('absent.c');
    });
  },
);
