import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { refreshRecords } from '../../../src/assemble/records.ts';
import { createReleaseTree, type ReleaseTree } from '../../../src/assemble/release-tree.ts';
import { installWheel } from '../../../src/assemble/wheel/install-wheel.ts';
import { readLicense } from '../../../src/assemble/wheel/license.ts';
import { parseRecord, matchesHash } from '../../../src/assemble/wheel/record.ts';
import { unpackWheel } from '../../../src/assemble/wheel/unpack-wheel.ts';
import { KsbundleError } from '../../../src/domain/errors.ts';
import type { InstalledWheel } from '../../../src/domain/manifest.ts';
import { temporaryDirectory, type ZipItem } from '../../support/archives.ts';
import { makeWheel, type WheelContent } from '../../support/wheels.ts';

const SITE = 'lib/python3.13/site-packages';

async function install(
  content: WheelContent,
  dropped: (path: string) => boolean = () => false,
): Promise<{ readonly tree: ReleaseTree; readonly manifest: InstalledWheel }> {
  const directory = await temporaryDirectory();
  const { wheel, file } = await makeWheel(directory, content);
  const unpacked = await unpackWheel({ wheel, file }, path.join(directory, 'unpacked'));
  await mkdir(path.join(directory, 'release'));
  const tree = createReleaseTree(path.join(directory, 'release'), dropped);
  const license = await readLicense(wheel, unpacked, new Map());
  const manifest = await installWheel(tree, { wheel, unpacked, license, site: SITE });
  tree.finish();
  return { tree, manifest };
}

async function refusal(content: WheelContent): Promise<unknown> {
  const directory = await temporaryDirectory();
  const { wheel, file } = await makeWheel(directory, content);
  return unpackWheel({ wheel, file }, path.join(directory, 'unpacked')).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('installWheel', () => {
  const content: WheelContent = {
    name: 'Some_Thing',
    files: {
      'thing/__init__.py': 'x = 1\n',
      'thing/with,comma "quoted".txt': 'odd name\n',
      '{data}/purelib/pure.py': 'pure\n',
      '{data}/platlib/plat.so': 'plat\n',
      '{data}/data/etc/thing.conf': 'conf\n',
      '{data}/headers/thing.h': 'h\n',
      '{data}/scripts/script': '#!python\nprint()\n',
      '{data}/scripts/native': '\u007fELF',
      '{info}/licenses/LICENSE': 'the licence\n',
      '{info}/AUTHORS': 'me\n',
      '{info}/INSTALLER': 'pip\n',
      '{info}/direct_url.json': '{}\n',
    },
  };

  it('puts every scheme where it belongs, and only what ships', async () => {
    const { tree, manifest } = await install(content);
    expect([...tree.parts.keys()].sort()).toEqual([
      'bin/native',
      'etc/thing.conf',
      `${SITE}/Some_Thing-1.0.dist-info/INSTALLER`,
      `${SITE}/Some_Thing-1.0.dist-info/METADATA`,
      `${SITE}/Some_Thing-1.0.dist-info/RECORD`,
      `${SITE}/Some_Thing-1.0.dist-info/WHEEL`,
      `${SITE}/plat.so`,
      `${SITE}/pure.py`,
      `${SITE}/thing/__init__.py`,
      `${SITE}/thing/with,comma "quoted".txt`,
      'licenses/python/some-thing/AUTHORS',
      'licenses/python/some-thing/LICENSE',
    ]);
    expect((await lstat(path.join(tree.root, 'bin/native'))).mode & 0o777).toBe(0o755);
    expect(new Set(tree.parts.values())).toEqual(new Set(['wheel:some-thing']));
    expect(manifest).toMatchObject({ name: 'some-thing', version: '1.0', license: 'MIT' });
  });

  it('writes a RECORD of installed files, which can be written again after a change', async () => {
    const { tree } = await install(content, (file) => file.endsWith('pure.py'));
    const info = path.join(tree.root, SITE, 'Some_Thing-1.0.dist-info');
    const check = async (): Promise<void> => {
      const lines = parseRecord(await readFile(path.join(info, 'RECORD'), 'utf8'));
      expect(lines.map((line) => line.path)).toContain('thing/with,comma "quoted".txt');
      expect(lines.map((line) => line.path)).toContain('../../../etc/thing.conf');
      expect(lines.map((line) => line.path)).not.toContain('pure.py');
      for (const { path: name, hash } of lines) {
        if (name.endsWith('/RECORD')) expect(hash).toBe('');
        else expect(await matchesHash(path.join(tree.root, SITE, name), hash), name).toBe(true);
      }
    };
    await check();
    expect(await readFile(path.join(info, 'INSTALLER'), 'utf8')).toBe('ksbundle\n');
    await writeFile(path.join(tree.root, SITE, 'plat.so'), 'relocated\n');
    await refreshRecords(tree.root, SITE);
    await check();
  });

  it('states the licence of a wheel without a text, and refuses one that states none', async () => {
    const { tree } = await install({ name: 'bare', files: { 'bare.py': '' } });
    expect(await readFile(path.join(tree.root, 'licenses/python/bare/STATEMENT'), 'utf8')).toContain('MIT');
    await expect(
      install({ name: 'silent', files: { '{info}/METADATA': 'Name: silent\nVersion: 1.0\n' } }),
    ).rejects.toMatchObject({ facts: { code: 'KSB_LICENSE_MISSING' } });
  });
});

describe('unpackWheel refuses', () => {
  const change = (name: string, damage: (item: ZipItem) => ZipItem[]): WheelContent => ({
    name: 'w',
    files: { 'w.py': 'original\n' },
    damage: (items) => items.flatMap((item) => (item.path.endsWith(name) ? damage(item) : [item])),
  });
  const record = (from: RegExp, to: string): WheelContent =>
    change('RECORD', (item) => [{ ...item, content: String(item.content).replace(from, to) }]);

  it.each([
    [
      'changed content',
      change('w.py', (item) => [{ ...item, content: 'changed!\n' }]),
      /w\.py does not match the hash/,
    ],
    ['a file that is gone', change('w.py', () => []), /w\.py is in RECORD but not in the wheel/],
    ['an extra file', change('w.py', (item) => [item, { path: 'evil.py' }]), /evil\.py is not in RECORD/],
    ['a weak hash', record(/sha256=[^,]*/u, 'md5=rL0Y20zC-Fzt72VPzMSk2A'), /does not match the hash/],
    ['no hash', record(/sha256=[^,]*/u, ''), /does not match the hash.*none/],
    [
      'a symbolic link',
      change('w.py', (item) => [{ ...item, content: 'x', mode: 0o120777 }]),
      /w\.py is a symbolic link/,
    ],
    ['no RECORD', change('RECORD', () => []), /RECORD is missing/],
    [
      'two dist-info',
      change('w.py', (item) => [item, { path: 'v-1.dist-info/METADATA' }]),
      /2 dist-info directories/,
    ],
    [
      'another format',
      { name: 'w', files: { '{info}/WHEEL': 'Wheel-Version: 2.0\n' } },
      /Wheel-Version is "2.0"/,
    ],
    [
      'another name',
      { name: 'w', files: { '{info}/METADATA': 'Name: v\nVersion: 1.0\n' } },
      /it is v 1\.0; the lockfile has/,
    ],
  ] as const)('%s', async (_, content, why) => {
    expect(await refusal(content)).toMatchObject({
      facts: { code: 'KSB_WHEEL_INVALID', exitCode: 4, why: expect.stringMatching(why) },
    });
  });

  it('no valid wheel', async () => {
    expect(await refusal(change('nothing', () => []))).toBeUndefined();
  });
});

describe('a release tree', () => {
  async function treeWith(
    links: Readonly<Record<string, string>>,
  ): Promise<{ tree: ReleaseTree; file: string }> {
    const directory = await temporaryDirectory();
    await mkdir(path.join(directory, 'a/b/release'), { recursive: true });
    const tree = createReleaseTree(path.join(directory, 'a/b/release'), () => false);
    for (const [index, [link, target]] of Object.entries(links).entries()) {
      const from = path.join(directory, `link-${index}`);
      await symlink(target, from);
      await tree.place(from, link, 'component:hostile');
    }
    const file = path.join(directory, 'file');
    await writeFile(file, 'content');
    return { tree, file };
  }

  it('writes nothing through a link', async () => {
    // Each link alone stays inside; together they lead two levels up.
    const { tree, file } = await treeWith({ 'x/y': '.', 'x/z': 'y/y/../../..', q: 'x/z' });
    await tree.place(file, 'q/owned', 'component:hostile');
    await tree.place(file, 'x/z/owned', 'component:hostile');
    expect(() => tree.finish()).toThrow('cannot be placed in the release');
    expect(await readdir(path.join(tree.root, '../..'))).toEqual(['b']);
    expect(await readdir(path.join(tree.root, '..'))).toEqual(['release']);
  });

  it('has no chain of links that leads out of it', async () => {
    const { tree } = await treeWith({ 'x/y': '.', 'x/z': 'y/y/../../..' });
    expect(() => tree.finish()).toThrow(KsbundleError);
  });
});
