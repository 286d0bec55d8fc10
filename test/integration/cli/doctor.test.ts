import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DoctorResult, HostCheck } from '../../../src/domain/host-check.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { serve } from '../../support/http-server.ts';
import { ksbundle, type Ran } from './command.ts';

let home: string;
let mirror: string;

type Environment = Readonly<Record<string, string>>;

beforeEach(async () => {
  home = await temporaryDirectory();
  mirror = path.join(home, 'mirror');
  await mkdir(mirror);
});

/** Runs ksbundle with Keystone's recipes, outside a project, with a store and an index of its own. */
async function run(parameters: readonly string[], environment: Environment = {}): Promise<Ran> {
  const settings = { HOME: home, KSBUNDLE_CACHE: path.join(home, 'cache'), KSBUNDLE_MIRROR: mirror };
  return ksbundle(parameters, { directory: home, environment: { ...settings, ...environment } });
}

async function doctor(environment: Environment = {}): Promise<DoctorResult & { readonly exitCode: number }> {
  const { exitCode, stdout, stderr } = await run(['doctor', 'keystone', '--json'], environment);
  expect(stderr).toBe('');
  return { exitCode: exitCode ?? -1, ...(JSON.parse(stdout) as DoctorResult) };
}

/** The verdicts of a check. */
function of(result: DoctorResult, name: string): readonly HostCheck[] {
  return result.checks.filter(({ check }) => check === name);
}

/** Puts files with the names of Keystone's sources and wheels into the mirror, or without wheels; returns what is missing. */
async function fillMirror({ wheels = true } = {}): Promise<readonly string[]> {
  const { stdout } = await run(['fetch', 'keystone', '--dry-run', '--json']);
  const { files } = JSON.parse(stdout) as { files: { file: string }[] };
  const wanted = files.filter(({ file }) => wheels || !file.endsWith('.whl'));
  await Promise.all(wanted.map(({ file }) => writeFile(path.join(mirror, file), '')));
  return files.filter((each) => !wanted.includes(each)).map(({ file }) => file);
}

describe('a host that can build', () => {
  it('has no fault, and exit code 0', async () => {
    await fillMirror();
    const result = await doctor();
    expect(result).toMatchObject({ exitCode: 0, ready: true });
    for (const name of ['node', 'machine', 'tools', 'proxy', 'store', 'recipes', 'sources'])
      expect(of(result, name)).toMatchObject([{ state: 'ok' }]);
    expect(of(result, 'space')).toHaveLength(2);
    const { stdout } = await run(['doctor', 'keystone']);
    expect(stdout).toMatch(/^ok {7}Node \d/);
    expect(stdout).toMatch(/\nA build can work on this host: 0 faults, \d warnings?\.\n$/);
  });

  it('fetches missing files from the index that has them', async () => {
    const wheels = await fillMirror({ wheels: false });
    const index = await serve((request, response) => {
      const name = /^\/simple\/([^/]+)\//.exec(request.url ?? '')?.[1];
      response.setHeader('content-type', 'text/html');
      response.end(
        name === undefined ? 'bytes' : wheels.map((file) => `<a href="/${file}">${file}</a>`).join('\n'),
      );
    });
    const result = await doctor({ KSBUNDLE_PYTHON_INDEX: `${index.url}/simple` });
    expect(of(result, 'sources')).toMatchObject([
      { state: 'ok', message: `missing files can be fetched from ${index.url}` },
    ]);
    expect(index.requests).toHaveLength(2);
    expect(result.exitCode).toBe(0);
  });
});

describe('a host that cannot build', () => {
  it('has a fault for missing programs, with the command that installs them, and exit code 3', async () => {
    await fillMirror();
    const result = await doctor({ PATH: '/nonexistent' });
    expect(result).toMatchObject({ exitCode: 3, ready: false });
    expect(of(result, 'tools')).toMatchObject([
      {
        state: 'fault',
        details: expect.arrayContaining([expect.stringContaining('make is not installed')]),
        hint: expect.stringMatching(/^install them as root: .*\bmake\b/),
      },
    ]);
    const shown = await run(['doctor', 'keystone'], { PATH: '/nonexistent' });
    expect(shown.exitCode).toBe(3);
    expect(shown.stdout).toMatch(
      /^fault {4}\d+ required programs are missing on this machine\n {9}\| make is/m,
    );
    expect(shown.stdout).toContain('A build cannot work on this host: 1 fault');
  });

  it('has one fault for a store that cannot be opened', async () => {
    const result = await doctor({ KSBUNDLE_CACHE: '/dev/null/store' });
    expect(result.exitCode).toBe(3);
    expect(result.checks.filter(({ state }) => state === 'fault')).toMatchObject([
      { check: 'settings', message: 'cannot create the store at /dev/null/store' },
    ]);
  });

  it('has a fault for a proxy that is none, and shows no password', async () => {
    await fillMirror();
    const bad = await doctor({ HTTPS_PROXY: 'ftp://proxy.invalid' });
    expect(of(bad, 'proxy')).toMatchObject([{ state: 'fault' }]);
    const { stdout } = await run(['doctor', 'keystone'], { https_proxy: 'me:secret@127.0.0.1:9' });
    expect(stdout).toContain('https_proxy=http://***@127.0.0.1:9');
    expect(stdout).not.toContain('secret');
  });

  it('has a warning for a shared build cache that cannot be read, and a fault for its key', async () => {
    await fillMirror();
    const key = path.join(home, 'cache.key');
    expect(await run(['keygen', key])).toMatchObject({ exitCode: 0 });
    const silent = await serve(() => undefined);
    const gone = path.join(home, 'unplugged');
    await mkdir(path.join(home, 'there', 'builds'), { recursive: true });
    const caches = (...from: string[]) => ({
      KSBUNDLE_CACHE_FROM: from.join('\n'),
      KSBUNDLE_CACHE_KEY: `${key}.pub`,
    });
    const result = await doctor(caches(silent.url, gone, path.join(home, 'there')));
    expect(of(result, 'caches')).toMatchObject([
      {
        state: 'warning',
        message: expect.stringMatching(new RegExp(`${silent.url} .*: no answer in time$`, 'u')),
      },
      { state: 'warning', message: expect.stringContaining(gone) },
    ]);
    expect(result.exitCode).toBe(0);
    expect(of(await doctor(caches(path.join(home, 'there'))), 'caches')).toMatchObject([{ state: 'ok' }]);
    const wrong = await doctor({ ...caches(gone), KSBUNDLE_CACHE_KEY: key });
    expect(of(wrong, 'caches')).toMatchObject([{ state: 'fault' }]);
    expect(wrong.exitCode).toBe(3);
  });

  it('has a fault without a Python index', async () => {
    await fillMirror({ wheels: false });
    const result = await doctor({ PIP_NO_INDEX: '1', PIP_CONFIG_FILE: '/dev/null' });
    expect(of(result, 'sources')).toMatchObject([
      { state: 'fault', message: expect.stringContaining('from a Python index, and none is configured') },
    ]);
    expect(result.exitCode).toBe(3);
  });

  it('has a fault for files that cannot be fetched offline', async () => {
    const result = await doctor({ KSBUNDLE_OFFLINE: 'true' });
    expect(of(result, 'sources')).toMatchObject([
      { state: 'fault', hint: expect.stringContaining('--mirror DIR') },
    ]);
    expect(result.exitCode).toBe(3);
  });

  it('does not wait for an index that accepts and never answers', async () => {
    await fillMirror({ wheels: false });
    const silent = await serve(() => undefined);
    const result = await doctor({ KSBUNDLE_PYTHON_INDEX: silent.url });
    expect(of(result, 'sources')).toMatchObject([
      { state: 'fault', details: expect.arrayContaining([expect.stringMatching(/: no answer in time$/)]) },
    ]);
    // Neither a repetition, nor a request for each wheel.
    expect(silent.requests).toHaveLength(1);
    expect(result.exitCode).toBe(3);
  });
});
