import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exists, listTree } from '../../src/io/files.ts';
import { run, type RunResult } from '../../src/io/process.ts';
import { startProxy } from '../support/proxy-server.ts';
import { ksbundle } from './support/cli.ts';
import { expectMessage } from './support/mistakes.ts';
import { makeTinyBundle, type TinyBundle } from './support/tiny-bundle.ts';

const LICENSE = { path: 'top/LICENSE', content: 'As you like.\n' };

/** Expects a specific exit code, nothing on stdout, and a message with the cause and a code. */
function expectRefusal(result: RunResult, exitCode: number, texts: readonly string[]): void {
  expect(result).toMatchObject({ exitCode, stdout: '' });
  expect(result.stderr).toMatch(/\[KSB_[A-Z_]+\]/);
  for (const text of texts) expect(result.stderr).toContain(text);
  expect(result.stderr).not.toMatch(/^\s+at .*\.js:\d+/m);
}

describe('names missing files', () => {
  it.each([
    { what: 'bundle', parameters: ['build', 'keystoen'], texts: ['keystoen', 'keystone'] },
    { what: 'bundle that is a component', parameters: ['build', 'zlib'], texts: ['zlib is a component'] },
    { what: 'flag', parameters: ['build', 'keystone', '--ofline'], texts: ['--ofline', '--offline'] },
    { what: 'command', parameters: ['biuld'], texts: ['biuld', 'build'] },
    { what: 'value', parameters: ['build', 'keystone', '--jobs=abc'], texts: ['--jobs', 'abc'] },
    { what: 'platform', parameters: ['build', '--platform=x86'], texts: ['x86_64-linux-gnu.2.17'] },
  ])('$what', async ({ parameters, texts }) => {
    expectRefusal(await ksbundle(parameters), 2, texts);
  });

  it('recipe', async () => {
    const tiny = await makeTinyBundle();
    await rm(path.join(tiny.recipes, 'note'), { recursive: true });
    expectRefusal(await ksbundle(tiny.build), 2, ['bundle.toml', '"note"']);
  });
});

describe('refuses a lockfile that', () => {
  const DAMAGES: readonly { readonly what: string; readonly damage: (file: string) => Promise<void> }[] = [
    { what: 'is not there', damage: (file) => rm(file) },
    { what: 'is no JSON', damage: (file) => writeFile(file, '{"format": 1,') },
    { what: 'is of another form', damage: (file) => writeFile(file, '{"format": 1}') },
    {
      what: 'cannot be read',
      damage: async (file) => {
        await rm(file);
        await mkdir(file);
      },
    },
    {
      what: 'leads nowhere',
      damage: async (file) => {
        await rm(file);
        await symlink(file, file);
      },
    },
  ];
  it.each(DAMAGES)('$what', async ({ damage }) => {
    const tiny = await makeTinyBundle();
    await damage(tiny.lockfile);
    const refused = await ksbundle(tiny.build);
    expectRefusal(refused, 2, [path.basename(tiny.lockfile)]);
  });
});

describe('without what it needs', () => {
  const withoutMirror = (tiny: TinyBundle): string[] => ['build', 'tiny', ...tiny.options];

  it('fails offline with an empty store, naming each file', async () => {
    const tiny = await makeTinyBundle();
    const refused = await ksbundle([...withoutMirror(tiny), '--offline']);
    expectRefusal(refused, 1, ['note-1.0.0.tar.gz']);
  });

  it('fails without a network, naming where it looked', async ({ skip }) => {
    if (process.getuid?.() !== 0) skip('a network namespace needs root');
    const tiny = await makeTinyBundle();
    const main = path.join(import.meta.dirname, '../../dist/cli/main.js');
    const argv = ['unshare', '--net', process.execPath, main, ...withoutMirror(tiny)];
    expectRefusal(await run(argv), 1, ['1.0.0.tar.gz', 'nowhere.invalid']);
  });

  it('fails behind a proxy that refuses, naming it', async () => {
    const proxy = await startProxy(403);
    onTestFinished(() => proxy.close());
    const tiny = await makeTinyBundle();
    const environment = { https_proxy: proxy.url };
    const refused = await ksbundle(withoutMirror(tiny), { environment });
    expectRefusal(refused, 1, [proxy.url, 'refused']);
  });

  it('names make, perl and all other missing programs at once, with the command that installs them', async () => {
    const tiny = await makeTinyBundle();
    const refused = await ksbundle(tiny.build, { environment: { PATH: '/nonexistent' } });
    expectRefusal(refused, 3, ['make', 'perl', 'patch']);
    expect(refused.stderr).toMatch(/(?:apt-get|dnf|zypper) install .*make/);
  });
});

describe('on a full disk', () => {
  /** A directory on a separate file system of that many mebibytes. */
  interface SmallDisk {
    readonly directory: string;
    readonly grow: () => Promise<void>;
  }
  const smallDisk = async (size: number): Promise<SmallDisk> => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-disk-'));
    const mount = async (options: string): Promise<void> => {
      const mounted = await run(['mount', '-t', 'tmpfs', '-o', options, 'ksbundle-test', directory]);
      if (mounted.exitCode !== 0) throw new Error(mounted.stderr);
    };
    await mount(`size=${size}m`);
    onTestFinished(async () => {
      await run(['umount', '--lazy', directory]);
      await rm(directory, { recursive: true });
    });
    return { directory, grow: () => mount('remount,size=256m') };
  };
  const isRoot = process.getuid?.() === 0;
  const note = (size: number) => ({ path: 'top/note.txt', content: randomBytes(size * 2 ** 20) });

  it.skipIf(!isRoot)('fails while it fetches, leaves nothing half-written, and then resumes', async () => {
    const tiny = await makeTinyBundle({ archive: [LICENSE, note(4)] });
    const { directory, grow } = await smallDisk(2);
    const build = [...tiny.build, '--cache', directory];
    expectRefusal(await ksbundle(build), 1, ['KSB_DISK_FULL', directory]);
    expect(await ksbundle(['cache', 'verify', '--cache', directory])).toMatchObject({ exitCode: 0 });
    await grow();
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tiny.tarball });
  });

  it.skipIf(!isRoot)('fails while it builds, and then resumes', async () => {
    const script = 'dd if=/dev/zero of="${work}/big" bs=1048576 count=12';
    const tiny = await makeTinyBundle({ script });
    const { directory, grow } = await smallDisk(8);
    const build = [...tiny.build, '--cache', directory];
    const failed = await ksbundle(build);
    expectRefusal(failed, 1, []);
    expect(failed.stderr).toMatch(/KSB_DISK_FULL|No space left on device/);
    await grow();
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tiny.tarball });
  });

  it.skipIf(!isRoot)('fails while it packs, and then resumes', async () => {
    // The cache holds archive, unpacked source, installed files and artifact; the tarball no longer fits.
    const tiny = await makeTinyBundle({ archive: [LICENSE, note(4)] });
    const { directory, grow } = await smallDisk(17);
    const build = [...tiny.build, '--cache', directory];
    const failed = await ksbundle(build);
    expectRefusal(failed, 1, ['KSB_DISK_FULL']);
    expect(await exists(tiny.tarball)).toBe(false);
    await grow();
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tiny.tarball });
  });

  it.skipIf(!isRoot)('fails in the directory of the tarball, and then resumes', async () => {
    const tiny = await makeTinyBundle({ archive: [LICENSE, note(4)] });
    const { directory, grow } = await smallDisk(2);
    const build = [...tiny.build, '--quiet', '--out', directory];
    const told = { command: ['ksbundle', 'build', 'tiny', '--out', directory], places: { $OUT: directory } };
    await expectMessage({ title: 'the disk is full', result: await ksbundle(build), ...told });
    await run(['mount', '-o', 'remount,ro', directory]);
    const title = 'the directory for the result cannot be written';
    await expectMessage({ title, result: await ksbundle(build), ...told });
    await run(['mount', '-o', 'remount,rw', directory]);
    // The build record fits and is complete; nothing of the tarball exists.
    const left = (await listTree(directory)).map((entry) => entry.path);
    expect(left.filter((file) => !file.endsWith('.intoto.json'))).toEqual([]);
    await grow();
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0 });
  });
});
