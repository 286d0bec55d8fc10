import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Flags } from '../../../src/cli/options.ts';
import { misspeltVariables, readSettings, type Settings } from '../../../src/cli/settings.ts';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'ksb-settings-'));
  directory = path.join(root, 'project', 'deep');
  await mkdir(directory, { recursive: true });
  await mkdir(path.join(root, 'config', 'ksbundle'), { recursive: true });
});

afterEach(async () => rm(root, { recursive: true }));

async function settings(environment: Record<string, string> = {}, flags: Flags = {}): Promise<Settings> {
  const base = { HOME: path.join(root, 'home'), XDG_CONFIG_HOME: path.join(root, 'config') };
  return readSettings({ flags, environment: { ...base, ...environment }, directory });
}

const projectFile = async (text: string): Promise<void> =>
  writeFile(path.join(root, 'project', 'ksbundle.toml'), text);
const userFile = async (text: string): Promise<void> =>
  writeFile(path.join(root, 'config', 'ksbundle', 'config.toml'), text);

describe('settings', () => {
  it('have defaults', async () => {
    const { jobs, offline, mirrors, out, cache, recipes, lockfiles } = await settings();
    expect(jobs).toBe(os.availableParallelism());
    expect({ offline, mirrors, out, cache }).toEqual({
      offline: false,
      mirrors: [],
      out: path.join(directory, 'out'),
      cache: path.join(root, 'home', '.cache', 'ksbundle'),
    });
    expect(path.dirname(recipes)).toBe(path.dirname(lockfiles));
  });

  it('have tarballs in the project, from any of its directories', async () => {
    await projectFile('');
    expect((await settings()).out).toBe(path.join(root, 'project', 'out'));
  });

  it('come from flags over the environment over the project over the user', async () => {
    await userFile('jobs = 1');
    expect((await settings()).jobs).toBe(1);
    await projectFile('jobs = 2');
    expect((await settings()).jobs).toBe(2);
    expect((await settings({ KSBUNDLE_JOBS: '3' })).jobs).toBe(3);
    expect((await settings({ KSBUNDLE_JOBS: '3' }, { jobs: '4' })).jobs).toBe(4);
  });

  it('are taken key by key', async () => {
    await userFile('offline = true');
    await projectFile('jobs = 2');
    expect(await settings()).toMatchObject({ offline: true, jobs: 2 });
    expect(await settings({}, { offline: false })).toMatchObject({ offline: false });
  });

  it('have paths relative to where they were written', async () => {
    await projectFile('out = "dist"\nmirror = ["files", "https://example.org/m"]\nrecipes = "my/recipes"');
    const project = path.join(root, 'project');
    expect(await settings()).toMatchObject({
      out: path.join(project, 'dist'),
      mirrors: [path.join(project, 'files'), 'https://example.org/m'],
      recipes: path.join(project, 'my', 'recipes'),
      lockfiles: path.join(project, 'my', 'lockfiles'),
    });
    const fromOutside = await settings({ KSBUNDLE_MIRROR: 'a b\n/c' }, { out: '../x' });
    expect(fromOutside.out).toBe(path.join(project, 'x'));
    expect(fromOutside.mirrors).toEqual([path.join(directory, 'a b'), '/c']);
  });

  it('name shared build caches and their keys, but no project says which keys to trust', async () => {
    await projectFile('cache-from = ["shared", "https://cache.example.org"]');
    await userFile('cache-key = "ours.pub"');
    const project = path.join(root, 'project');
    expect(await settings()).toMatchObject({
      cacheFrom: [path.join(project, 'shared'), 'https://cache.example.org'],
      cacheKeys: [path.join(root, 'config', 'ksbundle', 'ours.pub')],
    });
    const environment = { KSBUNDLE_CACHE_FROM: 'one\nhttp://two', KSBUNDLE_CACHE_KEY: 'a.pub\n/b.pub' };
    expect(await settings(environment, { 'cache-from': ['three'] })).toMatchObject({
      cacheFrom: [path.join(directory, 'three')],
      cacheKeys: [path.join(directory, 'a.pub'), '/b.pub'],
    });
    expect((await settings(environment)).cacheFrom).toEqual([path.join(directory, 'one'), 'http://two']);

    await projectFile('jobs = 2\ncache-key = "theirs.pub"');
    await expect(settings(environment)).rejects.toMatchObject({
      facts: {
        code: 'KSB_CONFIGURATION',
        exitCode: 2,
        problems: [
          {
            code: 'withheld-key',
            place: { file: path.join(project, 'ksbundle.toml'), line: 2 },
            hint: expect.stringContaining(path.join(root, 'config', 'ksbundle', 'config.toml')),
          },
        ],
      },
    });
  });

  it('ignore relative XDG directories, as the specification requires', async () => {
    expect((await settings({ XDG_CACHE_HOME: 'relative' })).cache).toBe(
      path.join(root, 'home', '.cache', 'ksbundle'),
    );
    expect((await settings({ XDG_CACHE_HOME: '/var/tmp/x' })).cache).toBe('/var/tmp/x/ksbundle');
  });

  it.each(['abc', '0', '-1', '1.5', '1e3', ' 2', '99999', 'NaN'])('refuse %j jobs', async (jobs) => {
    await expect(settings({}, { jobs })).rejects.toMatchObject({
      facts: { code: 'KSB_BAD_VALUE', exitCode: 2 },
    });
  });

  it.each([
    ['KSBUNDLE_OFFLINE', 'maybe'],
    ['KSBUNDLE_PLATFORM', 'sparc-linux-gnu.2.17'],
  ])('refuse %s=%s and name the variable', async (name, value) => {
    await expect(settings({ [name]: value })).rejects.toMatchObject({
      facts: { exitCode: 2, message: expect.stringContaining(name) },
    });
  });

  it('name file and line of a bad value', async () => {
    await projectFile('# mine\njobs = "many"\n');
    const file = path.join(root, 'project', 'ksbundle.toml');
    await expect(settings()).rejects.toMatchObject({
      facts: { message: expect.stringContaining(`${file}:2: jobs`) },
    });
  });

  it('refuse unknown keys of a file, all at once, with line and nearest name', async () => {
    await projectFile('jbos = 2\n\n[cache]\ndir = "x"\n[frobnication]\n');
    const file = path.join(root, 'project', 'ksbundle.toml');
    await expect(settings()).rejects.toMatchObject({
      facts: {
        code: 'KSB_CONFIGURATION',
        exitCode: 2,
        problems: [
          {
            code: 'unknown-key',
            place: { file, line: 1 },
            hint: expect.stringContaining('did you mean jobs?'),
          },
          { code: 'unknown-key', place: { file, line: 5 } },
        ],
      },
    });
  });

  it('refuse invalid TOML, with its place', async () => {
    await projectFile('jobs = 2\njobs jobs\n');
    await expect(settings()).rejects.toMatchObject({
      facts: { code: 'KSB_CONFIGURATION', place: { line: 2 } },
    });
  });
});

it('report misspelt variables and ignore those of other programs', () => {
  const environment = { KSBUNDLE_JBOS: '2', KSBUNDLE_JOBS: '2', KSBUNDLE_E2E_ROOT: '/x', JOBS: '1' };
  expect(misspeltVariables(environment)).toEqual([{ name: 'KSBUNDLE_JBOS', meant: 'KSBUNDLE_JOBS' }]);
  expect(misspeltVariables({ KSBUNDLE_CACHE_FORM: 'x', KSBUNDLE_CACHE_KEY: 'y' })).toEqual([
    { name: 'KSBUNDLE_CACHE_FORM', meant: 'KSBUNDLE_CACHE_FROM' },
  ]);
});
