import { chmod, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { buildGraph, reusedArtifact, type Artifact } from '../../src/build/plan.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../../src/domain/platform.ts';
import { hashFile, removeTree } from '../../src/io/files.ts';
import { loadRecipes } from '../../src/recipe/load.ts';
import { projectAt } from '../support/projects.ts';
import { openStore } from '../../src/store/open.ts';
import { makeAnotherWorld } from './support/another-world.ts';
import { tarball } from './support/bundle.ts';
import { ksbundle, ROOT } from './support/cli.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { makeTinyBundle } from './support/tiny-bundle.ts';

const why = await whyNoMachines(['faketime', 'setpriv']);

it.skipIf(why !== undefined)('another machine really differs', async () => {
  const world = await makeAnotherWorld();
  // The clock differs even for programs that inherit no environment.
  const script = 'id -un; umask; pwd; echo "$TZ $LC_ALL $HOME"; env -i /bin/date +%s';
  const { stdout } = await world.run(['sh', '-c', script]);
  const lines = stdout.split('\n');
  expect(lines.slice(0, 3)).toEqual(['nobody', '0077', world.home]);
  expect(lines[3]).toBe(`Pacific/Chatham tr_TR.UTF-8 ${world.home}`);
  expect(Number(lines[4]) - Date.now() / 1000).toBeGreaterThan(1000 * 86_400);
});

it.skipIf(why !== undefined)('a bundle is the same bytes on another machine', async () => {
  const tiny = await makeTinyBundle();
  expect(await ksbundle([...tiny.build, '--jobs', '2'])).toMatchObject({ exitCode: 0 });
  const world = await makeAnotherWorld();
  // Both for the user of the other machine.
  await chmod(path.dirname(tiny.directory), 0o755);
  const out = path.join(world.home, 'out');
  const cache = path.join(world.home, 'cache');
  const build = [...tiny.build, '--cache', cache, '--out', out, '--jobs', '1'];
  const { exitCode, stderr } = await world.ksbundle(build);
  expect(exitCode, stderr).toBe(0);
  const built = path.join(out, path.basename(tiny.tarball));
  expect(await hashFile(built)).toBe(await hashFile(tiny.tarball));
});

/**
 * Components that build in seconds, with `configure`, `make` and the compiler like all others: the other machine builds
 * them again. The artifacts of all others are in its store under keys with their inputs' digests; so they are found
 * only if these are the same, and building them would exceed the test's limit.
 */
const CHEAP: ReadonlySet<string> = new Set(['zlib', 'bzip2', 'expat', 'libffi', 'apr']);

it.skipIf(why !== undefined)(
  'the real bundle is the same bytes on another machine: some components built, and all of it assembled',
  async () => {
    const mirror = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-mirror-'));
    onTestFinished(() => removeTree(mirror));
    const environment = mirrorOfTests();
    expect(await ksbundle(['mirror', mirror, 'keystone'], { environment })).toMatchObject({ exitCode: 0 });
    await chmod(mirror, 0o755);
    const world = await makeAnotherWorld();
    const cache = path.join(world.home, 'cache');
    await shareArtifacts(cache, (component) => !CHEAP.has(component));
    const out = path.join(world.home, 'out');
    const options = ['--offline', '--mirror', mirror, '--cache', cache, '--out', out, '--jobs', '1'];
    const { exitCode, stdout, stderr } = await world.ksbundle(['build', 'keystone', ...options]);
    expect(exitCode, stderr).toBe(0);
    expect(await hashFile(stdout)).toBe(await hashFile(tarball()));
  },
  5 * 60_000,
);

it.skipIf(why !== undefined || !exhaustive)(
  'the real bundle is the same bytes on another machine that takes all of it from a shared build cache',
  async () => {
    const carried = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-shared-'));
    onTestFinished(() => removeTree(carried));
    const [shared, mirror, key] = ['shared', 'mirror', 'cache.key'].map((name) =>
      path.join(carried, name),
    ) as [string, string, string];
    const environment = mirrorOfTests();
    const here = async (...parameters: readonly string[]): Promise<void> => {
      expect(await ksbundle(parameters, { environment })).toMatchObject({ exitCode: 0 });
    };
    await here('keygen', key);
    await here('cache', 'export', shared, 'keystone', '--sign', key);
    await here('mirror', mirror, 'keystone');
    await chmod(carried, 0o755);
    const world = await makeAnotherWorld();
    const places = ['--cache', path.join(world.home, 'cache'), '--out', path.join(world.home, 'out')];
    const taking = ['--cache-from', shared, '--cache-key', `${key}.pub`, '--cache-only'];
    const options = ['--offline', '--mirror', mirror, ...places, ...taking];
    const { exitCode, stdout, stderr } = await world.ksbundle(['build', 'keystone', ...options]);
    expect(exitCode, stderr).toBe(0);
    expect(await hashFile(stdout)).toBe(await hashFile(tarball()));
  },
  5 * 60_000,
);

it.skipIf(why !== undefined || !exhaustive)(
  'the real bundle is the same bytes on another machine that has only its escrow archive: all of it built',
  async () => {
    const built = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-escrow-'));
    onTestFinished(() => removeTree(built));
    await chmod(built, 0o755);
    const build = ['build', 'keystone', '--with-sources', '--out', built];
    const { stdout: paths } = await ksbundle(build, { environment: mirrorOfTests() });
    const [, escrow = ''] = paths.split('\n');
    const world = await makeAnotherWorld();
    const offline = { network: false };
    expect((await world.run(['tar', '-C', world.home, '-xf', escrow], offline)).exitCode).toBe(0);
    const main = path.join(world.home, path.basename(escrow, '.tar'), 'ksbundle/dist/cli/main.js');
    const rebuild = [process.execPath, main, 'rebuild', escrow, '--trust', '--jobs', '1', '--json'];
    const { exitCode, stdout, stderr } = await world.run(rebuild, offline);
    expect(exitCode, stdout + stderr).toBe(0);
    const sha256 = await hashFile(tarball());
    expect(JSON.parse(stdout)).toMatchObject({ sha256, rebuiltSha256: sha256, escrow: { identical: true } });
  },
  // With one processor, twice as long as a first build with two.
  60 * 60_000,
);

function mirrorOfTests(): Record<string, string> {
  const mirror = process.env['KSBUNDLE_MIRROR'];
  return mirror === undefined ? {} : { KSBUNDLE_MIRROR: mirror };
}

/** Copies the bundle's selected artifacts from the user's store into the one at `directory`. */
async function shareArtifacts(directory: string, choose: (component: string) => boolean): Promise<void> {
  const { stdout: cache } = await ksbundle(['cache', 'path']);
  const [from, to] = [await openStore(cache, () => undefined), await openStore(directory, () => undefined)];
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(DEFAULT_PLATFORM);
  const set = await loadRecipes(projectAt(ROOT), platform);
  const bundle = set.bundles.get('keystone');
  if (bundle === undefined) throw new TypeError('no bundle');
  const names = [bundle.python.interpreter, ...bundle.components];
  const graph = buildGraph({ names, set, platform, buildArch: platform.arch, store: from });
  const artifacts = new Map<string, Artifact>();
  for (const name of graph.order) {
    const record = await from.builds.read(graph.wantedOf(name, artifacts).key);
    if (record === undefined) throw new Error(`${name} is not in ${cache}: build the bundle first`);
    artifacts.set(name, reusedArtifact(record, from));
    if (!choose(name)) continue;
    await to.addFile(from.pathOf(record.artifact), record.artifact);
    await to.builds.write(record);
  }
}
