import { chmod, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { toolNode } from '../../src/build/plan.ts';
import { DEFAULT_PLATFORM } from '../../src/domain/platform.ts';
import { hashFile, removeTree } from '../../src/io/files.ts';
import { openStore } from '../../src/store/open.ts';
import { makeAnotherWorld } from './support/another-world.ts';
import { tarball } from './support/bundle.ts';
import { ksbundle, mirrorOfTests } from './support/cli.ts';
import { crossBuilt, FOREIGN, storedArtifacts } from './support/cross-built.ts';
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

it.skipIf(why !== undefined || !exhaustive)(
  'the bundle for another architecture is the same bytes on another machine: all of it built but the tools',
  async () => {
    const expected = await hashFile(await crossBuilt());
    const mirror = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-mirror-'));
    onTestFinished(() => removeTree(mirror));
    const foreign = ['--platform', FOREIGN];
    const mirrored = await ksbundle(['mirror', mirror, 'keystone', ...foreign], {
      environment: mirrorOfTests(),
    });
    expect(mirrored).toMatchObject({ exitCode: 0 });
    await chmod(mirror, 0o755);
    const world = await makeAnotherWorld();
    const cache = path.join(world.home, 'cache');
    await shareArtifacts(cache, (node) => node.startsWith(toolNode('')), FOREIGN);
    const options = [
      '--offline',
      '--mirror',
      mirror,
      '--cache',
      cache,
      '--out',
      path.join(world.home, 'out'),
    ];
    const built = await world.ksbundle(['build', 'keystone', ...foreign, ...options, '--jobs', '2']);
    expect(built.exitCode, built.stderr).toBe(0);
    expect(await hashFile(built.stdout)).toBe(expected);
  },
  60 * 60_000,
);

/** Copies the bundle's selected artifacts from the user's store into the one at `directory`. */
async function shareArtifacts(
  directory: string,
  choose: (node: string) => boolean,
  platform = DEFAULT_PLATFORM,
): Promise<void> {
  const { store: from, records } = await storedArtifacts(platform);
  const to = await openStore(directory, () => undefined);
  for (const [node, record] of records) {
    if (!choose(node)) continue;
    await to.addFile(from.pathOf(record.artifact), record.artifact);
    await to.builds.write(record);
  }
}
