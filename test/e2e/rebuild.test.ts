import { copyFile, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RebuildResult } from '../../src/domain/results.ts';
import { findConfinement } from '../../src/host/confinement.ts';
import { findHostTools } from '../../src/host/find.ts';
import { exists, hashFile, removeTree } from '../../src/io/files.ts';
import { packDemo } from '../support/packed-release.ts';
import { makeAnotherWorld } from './support/another-world.ts';
import { ksbundle, type CliOptions } from './support/cli.ts';
import { whyNoMachines } from './support/requirements.ts';
import { makeTinyBundle, type TinyBundle, type TinyPlan } from './support/tiny-bundle.ts';

interface Carried extends Pick<TinyBundle, 'cache' | 'mirror'> {
  /** A copy of the tarball in a separate directory. */
  readonly tarball: string;
  readonly directory: string;
}

/** Builds a tiny bundle and moves the tarball away; removes all its inputs except the sources. */
async function carryTinyBundle(plan: TinyPlan = {}): Promise<Carried> {
  const tiny = await makeTinyBundle(plan);
  expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0 });
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-carried-'));
  onTestFinished(() => removeTree(directory));
  const tarball = path.join(directory, 'carried.tar.gz');
  await copyFile(tiny.tarball, tarball);
  await copyFile(`${tiny.tarball}.intoto.json`, `${tarball}.intoto.json`);
  for (const source of ['recipes', 'lockfiles', 'init']) await removeTree(path.join(tiny.directory, source));
  return { tarball, directory, cache: tiny.cache, mirror: tiny.mirror };
}

interface Rebuilt {
  readonly exitCode: number | undefined;
  readonly result: RebuildResult;
  readonly text: string;
}

/** Rebuilds once, with output for people and for programs. */
async function rebuild(carried: Carried, options: CliOptions = {}): Promise<Rebuilt> {
  const { tarball, cache, mirror } = carried;
  const parameters = ['rebuild', tarball, '--trust', '--cache', cache, '--offline', '--mirror', mirror];
  const { exitCode, stdout } = await ksbundle([...parameters, '--json'], options);
  const { stdout: text } = await ksbundle(parameters, options);
  return { exitCode, result: JSON.parse(stdout) as RebuildResult, text };
}

/** Makes a directory of links to the host's programs that a build needs, as the only one on PATH. */
async function linkHostTools(directory: string): Promise<void> {
  await mkdir(directory);
  for (const tool of await findHostTools()) await symlink(tool.path, path.join(directory, tool.name));
}

it('builds the same bytes from only the tarball and the sources', async () => {
  const carried = await carryTinyBundle();
  const sha256 = await hashFile(carried.tarball);
  const { exitCode, result, text } = await rebuild(carried);
  expect(exitCode).toBe(0);
  expect(result).toEqual({
    release: 'tiny-1.0.0-1-linux-x86_64',
    identical: true,
    sha256,
    rebuiltSha256: sha256,
    builders: [],
    parts: [],
    files: [],
  });
  expect(text).toBe(`tiny-1.0.0-1-linux-x86_64: built again, identical\nsha256:${sha256}`);
});

it("runs a tarball's recipes only with --key or --trust", async () => {
  const carried = await carryTinyBundle();
  const { tarball, directory, cache, mirror } = carried;
  const again = (...options: readonly string[]) =>
    ksbundle(['rebuild', tarball, '--cache', cache, '--offline', '--mirror', mirror, ...options]);
  const refused = await again();
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toMatch(/--key PUBLIC_KEY.*--trust/u);

  const [ours, theirs] = ['ours', 'theirs'].map((name) => path.join(directory, name)) as [string, string];
  for (const key of [ours, theirs]) expect(await ksbundle(['keygen', key])).toMatchObject({ exitCode: 0 });
  expect(await again('--key', `${ours}.pub`)).toMatchObject({ exitCode: 4 });
  expect(await ksbundle(['sign', tarball, '--key', ours])).toMatchObject({ exitCode: 0 });
  expect(await again('--key', `${theirs}.pub`)).toMatchObject({ exitCode: 4 });
  const confinement = await findConfinement({ root: path.join(directory, 'root') });
  // Signed programs are confined, too, or not run.
  expect(await again('--key', `${ours}.pub`)).toMatchObject({
    exitCode: confinement.level === 'full' ? 0 : 3,
  });
});

it('confines a step, and the Python that was built', async ({ skip }) => {
  const host = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-host-'));
  onTestFinished(() => removeTree(host));
  const confinement = await findConfinement({ root: path.join(host, 'root') });
  if (confinement.level !== 'full') return skip(confinement.why);
  await writeFile(path.join(host, 'secret'), 'of the host');
  const reach = `cat ${host}/secret; echo x >${host}/owned; ln -s ${host}/owned ../build.log`;
  const carried = await carryTinyBundle({ script: `{ ${reach}; } 2>/dev/null || true`, python: reach });
  expect(await rebuild(carried)).toMatchObject({ exitCode: 0, result: { identical: true } });
  expect((await readdir(host)).toSorted()).toEqual(['root', 'secret']);
});

it('follows no link that a step left where ksbundle writes', async () => {
  const host = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-host-'));
  onTestFinished(() => removeTree(host));
  await writeFile(path.join(host, 'library.la'), 'of the host');
  const tiny = await makeTinyBundle({ script: `rmdir "\${dest}"; ln -s ${host} "\${dest}"` });
  const { exitCode, stderr } = await ksbundle(tiny.build);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/a step put a link in place of dest|failed/u);
  expect(await readdir(host)).toEqual(['library.la']);
});

it('compares signed tarballs by their payload', async () => {
  const carried = await carryTinyBundle();
  const sha256 = await hashFile(carried.tarball);
  const key = path.join(carried.directory, 'key');
  expect(await ksbundle(['keygen', key])).toMatchObject({ exitCode: 0 });
  expect(await ksbundle(['sign', carried.tarball, '--key', key])).toMatchObject({ exitCode: 0 });
  expect(await hashFile(carried.tarball)).not.toBe(sha256);
  expect(await rebuild(carried)).toMatchObject({ exitCode: 0, result: { identical: true, sha256 } });
});

it('uses nothing that was built before, and names the differing file and byte', async () => {
  const script = 'head -c 16 /dev/urandom >>note.txt';
  const carried = await carryTinyBundle({ script });
  const { exitCode, result, text } = await rebuild(carried);
  expect(exitCode).toBe(4);
  expect(result.identical).toBe(false);
  expect(result.rebuiltSha256).not.toBe(result.sha256);
  expect(result.parts).toMatchObject([{ kind: 'bundle' }, { kind: 'component', name: 'note' }]);
  const note = result.files.find(({ path: file }) => file === 'share/note.txt');
  expect(note).toMatchObject({ part: 'component:note', change: 'changed', changed: ['sha256'] });
  expect(note?.firstByte).toBeGreaterThanOrEqual('noted\n'.length);
  expect(note?.report?.join('\n')).toContain('@@');
  expect(text).toContain('the rebuilt tarball differs');
  expect(text).toMatch(/share\/note\.txt differs from byte \d+ on\n {2}--- /);
});

it('works without diffoscope', async () => {
  const carried = await carryTinyBundle({ script: 'head -c 16 /dev/urandom >note.txt' });
  const tools = path.join(carried.directory, 'bin');
  await linkHostTools(tools);
  const { exitCode, result } = await rebuild(carried, { environment: { PATH: tools } });
  expect(exitCode).toBe(4);
  const note = result.files.find(({ path: file }) => file === 'share/note.txt');
  expect(note?.firstByte).toBeTypeOf('number');
  expect(note).not.toHaveProperty('report');
});

it('reports that another or an unknown ksbundle built it', async () => {
  const carried = await carryTinyBundle();
  const provenance = `${carried.tarball}.intoto.json`;
  const statement = await readFile(provenance, 'utf8');
  const [, version = ''] = /"ksbundle": "(.+?)"/.exec(statement) ?? [];
  expect(version).toMatch(/^\d+\.\d+\.\d+\+[0-9a-f]{16}$/);
  await writeFile(provenance, statement.replace(version, '0.0.1+0000000000000000'));
  const { exitCode, result, text } = await rebuild(carried);
  expect(exitCode).toBe(0);
  expect(result.builders).toEqual([{ name: 'ksbundle', from: '0.0.1+0000000000000000', to: version }]);
  expect(text).toContain(`it was built with ksbundle 0.0.1+0000000000000000; here is ${version}`);

  await removeTree(provenance);
  expect((await rebuild(carried)).text).toContain('there is no provenance file beside it');
});

it('keeps the result in --out, but never replaces the given tarball', async () => {
  const { tarball, directory, cache, mirror } = await carryTinyBundle();
  const options = ['--cache', cache, '--offline', '--mirror', mirror, '--out'];
  const out = path.join(directory, 'again');
  const kept = path.join(out, 'tiny-1.0.0-1-linux-x86_64.tar.gz');
  const { exitCode, stdout } = await ksbundle(['rebuild', tarball, '--trust', ...options, out]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(kept);
  expect(await hashFile(kept)).toBe(await hashFile(tarball));
  expect(await ksbundle(['rebuild', kept, '--trust', ...options, out])).toMatchObject({ exitCode: 2 });
  expect(await exists(kept)).toBe(true);
});

it('refuses a damaged tarball, and one without recipes', async () => {
  const carried = await carryTinyBundle();
  await writeFile(carried.tarball, 'more', { flag: 'a' });
  const parameters = ['--trust', '--cache', carried.cache, '--offline'];
  expect(await ksbundle(['rebuild', carried.tarball, ...parameters])).toMatchObject({ exitCode: 4 });
  const { packed } = await packDemo();
  const { exitCode, stderr } = await ksbundle(['rebuild', packed.tarball, ...parameters]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('it does not contain its recipe');
});

const why = await whyNoMachines(['faketime', 'setpriv']);

it.skipIf(why !== undefined)(
  'an escrow archive alone builds its tarball and itself again, without a network',
  async () => {
    const tiny = await makeTinyBundle();
    const built = await ksbundle([...tiny.build, '--with-sources']);
    const escrow = tiny.tarball.replace('.tar.gz', '.escrow.tar');
    expect(built).toMatchObject({ exitCode: 0, stdout: `${tiny.tarball}\n${escrow}` });
    const sha256 = await hashFile(tiny.tarball);
    // The tarball is the same as without an archive.
    await removeTree(tiny.cache);
    expect(await ksbundle(tiny.build)).toMatchObject({ exitCode: 0 });
    expect(await hashFile(tiny.tarball)).toBe(sha256);

    const world = await makeAnotherWorld();
    const [digest, carried] = [await hashFile(escrow), path.join(world.home, path.basename(escrow))];
    await copyFile(escrow, carried);
    await removeTree(tiny.directory);
    const unpacked = carried.replace('.tar', '');
    const offline = { network: false };
    expect(await world.run(['tar', '-C', world.home, '-xf', carried], offline)).toMatchObject({
      exitCode: 0,
    });
    const check = 'cd "$0" && sha256sum -c SHA256SUMS | grep -v ": OK$"';
    expect(await world.run(['sh', '-c', check, unpacked], offline)).toMatchObject({ stdout: '' });
    const main = path.join(unpacked, 'ksbundle/dist/cli/main.js');
    const { exitCode, stdout, stderr } = await world.run(
      [process.execPath, main, 'rebuild', carried, '--trust', '--json'],
      offline,
    );
    expect(exitCode, stdout + stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      identical: true,
      rebuiltSha256: sha256,
      escrow: { identical: true, sha256: digest, rebuiltSha256: digest },
    });
  },
);

it('refuses an escrow archive with a changed byte', async () => {
  const tiny = await makeTinyBundle();
  expect(await ksbundle([...tiny.build, '--with-sources'])).toMatchObject({ exitCode: 0 });
  const escrow = tiny.tarball.replace('.tar.gz', '.escrow.tar');
  const bytes = await readFile(escrow);
  const at = bytes.indexOf('sources and wheels, by the names');
  bytes.write('S', at);
  await writeFile(escrow, bytes);
  const { exitCode, stderr } = await ksbundle(['rebuild', escrow, '--trust', '--cache', tiny.cache]);
  expect(exitCode).toBe(4);
  expect(stderr).toContain('README does not match SHA256SUMS');
});
