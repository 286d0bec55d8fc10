import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Timeline } from '../../src/domain/timeline.ts';
import { exists, hashFile, listTree } from '../../src/io/files.ts';
import { ksbundle, startKsbundle } from './support/cli.ts';
import { makeTinyBundle, type TinyBundle } from './support/tiny-bundle.ts';

/** Names the gate in the step's command. */
const MARK = `gate-${randomUUID()}`;

/**
 * A build step that signals its start and waits for a gate, in the only directory that steps see and that outlives
 * them.
 */
const GATED = `: ${MARK}
touch "$ZIG_GLOBAL_CACHE_DIR/started"
while [ ! -e "$ZIG_GLOBAL_CACHE_DIR/open" ]; do sleep 0.05; done`;

async function gateOf({ cache }: TinyBundle): Promise<string> {
  const [toolchain = 'none'] = await readdir(path.join(cache, 'toolchains')).catch(() => []);
  return path.join(cache, 'toolchains', toolchain, 'cache');
}

async function waitForStep(tiny: TinyBundle): Promise<void> {
  await expect
    .poll(async () => exists(path.join(await gateOf(tiny), 'started')), { timeout: 60_000 })
    .toBe(true);
}

async function openGate(tiny: TinyBundle): Promise<void> {
  await writeFile(path.join(await gateOf(tiny), 'open'), '');
}

describe('ksbundle build', () => {
  it('prints only the path of the tarball, also when there is nothing to do', async () => {
    const { build, tarball } = await makeTinyBundle();
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tarball });
    const timeline = await readFile(`${tarball}.build.json`, 'utf8');
    const { tarball: digest, tasks } = JSON.parse(timeline) as Timeline;
    expect(digest).toBe(await hashFile(tarball));
    expect(tasks.map(({ task, outcome }) => `${task} ${outcome}`)).toContain('pack:tiny done');
    expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tarball });
    expect(await readFile(`${tarball}.build.json`, 'utf8')).toBe(timeline);
  });

  it('makes the same bytes from another cache, in another directory, under another umask and locale', async () => {
    const digests: string[] = [];
    for (const [umask, locale] of [
      ['022', 'C'],
      ['077', 'tr_TR.UTF-8'],
    ]) {
      const { build, tarball } = await makeTinyBundle();
      const main = path.join(import.meta.dirname, '../../dist/cli/main.js');
      const shell = spawn('sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', process.execPath, main, ...build], {
        env: { ...process.env, LC_ALL: locale, TZ: 'Pacific/Chatham' },
        stdio: 'ignore',
      });
      expect(await once(shell, 'exit')).toEqual([0, null]);
      digests.push(await hashFile(tarball));
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('reports a glob that ships nothing as soon as its component is built, and builds that once', async () => {
    const tiny = await makeTinyBundle();
    const recipe = path.join(tiny.recipes, 'note', 'recipe.toml');
    const text = await readFile(recipe, 'utf8');
    const ship = 'ship = ["share/**"';
    expect(text).toContain(ship);
    await writeFile(recipe, text.replace(ship, `${ship}, "shrae/**"`));
    const events = ['--events', 'ndjson'];
    const refused = await ksbundle([...tiny.build, ...events]);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('note installs no file that');
    expect(refused.stderr).toContain('recipe.toml');
    expect(refused.stderr).not.toContain('"task":"pack:');
    await writeFile(recipe, text);
    const built = await ksbundle([...tiny.build, ...events]);
    expect(built).toMatchObject({ exitCode: 0 });
    expect(built.stderr).toContain('"task":"pack:');
    expect(built.stderr).not.toContain('"task":"build:note"');
  });

  it('does not disturb a concurrent build', async () => {
    const tiny = await makeTinyBundle({ script: GATED });
    const { build, tarball } = tiny;
    const both = Promise.all([ksbundle(build), ksbundle(build)]);
    await waitForStep(tiny);
    await openGate(tiny);
    for (const result of await both) expect(result).toMatchObject({ exitCode: 0, stdout: tarball });
    expect(await ksbundle(['verify', tarball])).toMatchObject({ exitCode: 0 });
  });

  it('reports a damaged entry of its store and builds it again', async () => {
    const tiny = await makeTinyBundle();
    expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0 });
    const digest = await hashFile(tiny.tarball);
    const damaged = await damageStore(tiny);
    expect(damaged.length).toBeGreaterThan(3);
    const verified = await ksbundle(['cache', 'verify', '--cache', tiny.cache]);
    expect(verified.exitCode).toBe(4);
    for (const name of damaged) expect(verified.stdout + verified.stderr).toContain(name);
    expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0, stdout: tiny.tarball });
    expect(await hashFile(tiny.tarball)).toBe(digest);
  });

  it('never outputs a damaged tarball, even from an unverified store', async () => {
    const tiny = await makeTinyBundle();
    expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0 });
    const digest = await hashFile(tiny.tarball);
    await damageStore(tiny);
    await rm(tiny.tarball);
    const again = await ksbundle(tiny.build);
    if (again.exitCode === 0) expect(await hashFile(tiny.tarball)).toBe(digest);
    else expect(again.exitCode).toBe(4);
    expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0, stdout: tiny.tarball });
    expect(await hashFile(tiny.tarball)).toBe(digest);
  });

  it('ends on Ctrl-C with all its processes, and the next run resumes', async () => {
    const tiny = await makeTinyBundle({ script: GATED });
    const child = startKsbundle(tiny.build);
    await waitForStep(tiny);
    expect(await stepProcesses()).not.toEqual([]);
    process.kill(-pidOf(child), 'SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(await stepProcesses()).toEqual([]);
    await expectNothingHalfDone(tiny);
    await expectToGoOn(tiny);
  });

  it('resumes after SIGKILL', async () => {
    const tiny = await makeTinyBundle({ script: GATED });
    const child = startKsbundle(tiny.build);
    await waitForStep(tiny);
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    await expectNothingHalfDone(tiny);
    await expectToGoOn(tiny);
  });
});

async function expectToGoOn(tiny: TinyBundle): Promise<void> {
  const { build, tarball } = tiny;
  await openGate(tiny);
  expect(await ksbundle(build)).toMatchObject({ exitCode: 0, stdout: tarball });
  expect(await ksbundle(['verify', tarball])).toMatchObject({ exitCode: 0 });
}

/** Expects no partial results: no tarball, and no content in the store under a wrong digest. */
async function expectNothingHalfDone({ tarball, cache }: TinyBundle): Promise<void> {
  expect(await exists(tarball)).toBe(false);
  expect(await ksbundle(['cache', 'verify', '--cache', cache])).toMatchObject({ exitCode: 0 });
}

/** Changes one byte of everything in the store; returns the digests. */
async function damageStore({ cache }: TinyBundle): Promise<string[]> {
  const store = path.join(cache, 'sha256');
  const files = (await listTree(store)).filter(({ kind }) => kind === 'file').map((entry) => entry.path);
  for (const file of files) {
    const content = await readFile(path.join(store, file));
    content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
    await rm(path.join(store, file));
    await writeFile(path.join(store, file), content);
  }
  return files.map((file) => file.replaceAll('/', ''));
}

/** Processes that run the gated step. */
async function stepProcesses(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(MARK)) found.push(command);
  }
  return found;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('not started');
  return child.pid;
}
