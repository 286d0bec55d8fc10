import { cp, mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { listTree, removeTree } from '../../../src/io/files.ts';
import { packageRoot } from '../../../src/io/package-info.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const MINUTE = 60_000;
const root = packageRoot();

let prefix: string;
let installed: string;
/** Files of the repository that git tracks, or would. */
let tracked: readonly string[];

/** Fails with what the program said. */
async function succeed(argv: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<RunResult> {
  const result = await run(argv, options);
  expect(result, argv.join(' ')).toMatchObject({ exitCode: 0 });
  return result;
}

/** The environment of a machine that has Node and npm and nothing of ours: no configuration, no cache, no registry. */
function bare(home: string): Readonly<Record<string, string>> {
  return {
    PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: home,
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_userconfig: path.join(home, 'npmrc'),
    npm_config_globalconfig: path.join(home, 'global-npmrc'),
  };
}

/** Runs the installed command. */
async function ksbundle(parameters: readonly string[], directory: string): Promise<RunResult> {
  const home = path.join(prefix, 'home');
  return run([path.join(prefix, 'bin/ksbundle'), ...parameters], { directory, environment: bare(home) });
}

beforeAll(async () => {
  const top = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-package-'));
  const clone = path.join(top, 'clone');
  prefix = path.join(top, 'prefix');
  installed = path.join(prefix, 'lib/node_modules/ksbundle');
  const listed = await succeed(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    directory: root,
  });
  tracked = listed.stdout.split('\0').filter((file) => file !== '');
  // A clone without dist/, so that what is packed was compiled by the package's own scripts.
  for (const file of tracked) {
    await mkdir(path.dirname(path.join(clone, file)), { recursive: true });
    await cp(path.join(root, file), path.join(clone, file));
  }
  await cp(path.join(root, 'node_modules'), path.join(clone, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  await succeed(['npm', 'pack', '--pack-destination', top], { directory: clone });
  const tarball = (await readdir(top)).find((name) => name.endsWith('.tgz')) ?? '';
  const home = path.join(prefix, 'home');
  await mkdir(home, { recursive: true });
  await succeed(['npm', 'install', '--global', '--prefix', prefix, path.join(top, tarball)], {
    directory: top,
    environment: bare(home),
  });
  return () => removeTree(top);
}, 10 * MINUTE);

describe('the package', () => {
  it('contains exactly what is needed at run time', async () => {
    const files = (await listTree(installed))
      .filter(({ kind }) => kind === 'file')
      .map((entry) => entry.path);
    const compiled = tracked.flatMap((file) => {
      if (file === 'src/assemble/byte_code.py') return ['dist/assemble/byte_code.py'];
      return /^src\/.*\.ts$/.test(file) ? [file.replace(/^src\/(.*)\.ts$/, 'dist/$1.js')] : [];
    });
    const pages = ['ksbundle', ...COMMANDS.map(({ name }) => `ksbundle-${name.replaceAll(' ', '-')}`)];
    const data = tracked.filter(
      (file) => /^(?:docs|init|lockfiles|recipes|templates)\//.test(file) && file !== 'init/ruff.toml',
    );
    const expected = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      ...compiled,
      ...data,
      ...pages.map((name) => `dist/man/${name}.1`),
    ];
    expect(files.filter((file) => !file.startsWith('node_modules/'))).toEqual(expected.toSorted());
  });

  it('contains the dependencies of the lockfile, and none for development', async () => {
    const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string; dev?: boolean; optional?: boolean; link?: boolean }>;
    };
    const wanted = Object.entries(lock.packages).flatMap(([place, { version, dev = false }]) =>
      place === '' || dev ? [] : [`${place} ${version}`],
    );
    const found: string[] = [];
    for (const { path: file } of await listTree(installed)) {
      const place = /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^@/]+)\/package\.json$/.exec(file)?.[1];
      if (place === undefined) continue;
      const { version } = JSON.parse(await readFile(path.join(installed, file), 'utf8')) as {
        version: string;
      };
      found.push(`${place} ${version}`);
    }
    expect(found.toSorted()).toEqual(wanted.toSorted());
  });
});

describe('installed with npm, without a registry', () => {
  it('runs, and makes a project in an empty directory', async () => {
    const directory = await temporaryDirectory();
    const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(await ksbundle(['--version'], directory)).toMatchObject({
      exitCode: 0,
      stdout: version,
      stderr: '',
    });
    const recipes = await ksbundle(['recipes'], directory);
    expect(recipes).toMatchObject({ exitCode: 0, stderr: '' });
    for (const pattern of [/^bundle +keystone /m, /^component +cpython /m, /^service +keystone /m])
      expect(recipes.stdout).toMatch(pattern);
    expect(await ksbundle(['new', 'bundle', 'x'], directory)).toMatchObject({ exitCode: 0 });
    expect(await ksbundle(['build', 'x', '--dry-run'], directory)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('pack x-1.0.0-1-linux-x86_64.tar.gz'),
    });
    expect(await ksbundle(['build', 'keystone', '--dry-run'], prefix)).toMatchObject({ exitCode: 0 });
  });

  it('has its manual pages where man(1) finds them', async () => {
    const directory = path.join(prefix, 'share/man/man1');
    const found = await readdir(directory);
    expect(found).toHaveLength(COMMANDS.length + 1);
    for (const name of found)
      expect(await readFile(path.join(directory, name), 'utf8')).toMatch(/^\.TH KSBUNDLE/);
  });

  it.each(['--version', '--help'])('%s takes at most 200 ms of processor time', async (flag) => {
    // The least of several runs: other processes can only add to it.
    const times = `for run in 1 2 3 4 5; do sh -c '"$0" "$1" >/dev/null; times' "$0" "$1" | tail -n 1; done`;
    const program = path.join(prefix, 'bin/ksbundle');
    const { stdout } = await succeed(['sh', '-c', times, program, flag], { environment: bare(prefix) });
    const runs = stdout.split('\n').map((line) => {
      const [user = Number.NaN, system = Number.NaN] = [...line.matchAll(/(\d+)m([\d.]+)s/g)].map(
        ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
      );
      return user + system;
    });
    expect(runs).toHaveLength(5);
    expect(Math.min(...runs)).toBeLessThan(0.2);
  });
});
