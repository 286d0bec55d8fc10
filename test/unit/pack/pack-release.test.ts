import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { describe, expect, it } from 'vitest';
import type { KsbundleError } from '../../../src/domain/errors.ts';
import { packTree, unpackArchive } from '../../../src/io/archive.ts';
import { hashFile, listTree } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { inspectTarball, readManifestFromTarball } from '../../../src/pack/inspect.ts';
import { verifyTarball } from '../../../src/pack/verify.ts';
import { writeTree } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { NAME, packDemo as pack } from '../../support/packed-release.ts';

describe('packRelease', () => {
  it('writes a tarball that unpacks to its name and passes sha256sum, also of busybox', async () => {
    const { directory, packed } = await pack();
    expect(packed.tarball).toBe(path.join(directory, 'out', `${NAME}.tar.gz`));
    expect((await readdir(path.join(directory, 'out'))).sort()).toEqual([
      `${NAME}.tar.gz`,
      `${NAME}.tar.gz.intoto.json`,
    ]);
    const target = path.join(directory, 'target');
    await unpackArchive(packed.tarball, target);
    expect(await readdir(target)).toEqual([NAME]);
    for (const program of [['sha256sum'], ['busybox', 'sha256sum']]) {
      const check = await run([...program, '-c', 'SHA256SUMS'], { directory: path.join(target, NAME) });
      expect(check).toMatchObject({ exitCode: 0, stderr: '' });
      expect(check.stdout.split('\n')).toHaveLength(6);
    }
  });

  it('depends only on the release: another directory, umask, time or tool gives equal bytes', async () => {
    const first = await pack();
    const umask = process.umask(0o077);
    try {
      expect((await pack()).packed.sha256).toBe(first.packed.sha256);
    } finally {
      process.umask(umask);
    }
  });

  it('keeps facts of the build machine out of the release', async () => {
    const { packed } = await pack();
    const provenance: unknown = JSON.parse(await readFile(packed.provenance, 'utf8'));
    expect(provenance).toMatchObject({
      subject: [{ name: `${NAME}.tar.gz`, digest: { sha256: packed.sha256 } }, {}, {}],
      predicate: { runDetails: { builder: { version: { make: '4.3' } } } },
    });
    expect(JSON.stringify(packed.manifest)).not.toContain('4.3');
  });

  it('describes every file and link, and their origin', async () => {
    const { packed } = await pack();
    const manifest = await readManifestFromTarball(packed.tarball);
    expect(manifest).toEqual(packed.manifest);
    expect(manifest.files.map((file) => file.path)).toEqual([
      'README',
      'bin/python',
      'bin/python3',
      'lib/a b é.txt',
      'lib/app.py',
      'sbom.cdx.json',
    ]);
    expect(manifest.files[1]).toEqual({ path: 'bin/python', part: 'component:cpython', target: 'python3' });
    expect(manifest.files[2]).toMatchObject({ mode: '755', size: 10 });
    expect(await inspectTarball(packed.tarball)).toMatchObject({
      release: NAME,
      packedSize: packed.size,
      parts: [
        { kind: 'component', name: 'cpython', files: 2, size: 10 },
        { kind: 'wheel', name: 'app', files: 2, size: 14 },
      ],
    });
  });

  it.each([
    [
      'a name with a line break',
      (release: string) => writeFile(path.join(release, 'a\nb'), ''),
      /control character/,
    ],
    [
      'a name with a carriage return',
      (release: string) => writeFile(path.join(release, 'a\rb'), ''),
      /control character/,
    ],
    ['a name with a quote', (release: string) => writeFile(path.join(release, 'a"b'), ''), /double quote/],
    ['a name with a backslash', (release: string) => writeFile(path.join(release, 'a\\b'), ''), /backslash/],
    ['an empty directory', (release: string) => mkdir(path.join(release, 'empty')), /empty directory/],
    ['a file of unknown origin', (release: string) => writeFile(path.join(release, 'stray'), ''), /stray/],
  ])('refuses %s', async (_, prepare, why) => {
    const facts = await factsOf(pack(prepare));
    expect(facts).toMatchObject({ code: 'KSB_RELEASE_NOT_PACKABLE', exitCode: 1 });
    expect(facts.problems?.[0]?.message).toMatch(why);
  });
});

describe('verifyTarball', () => {
  it('accepts a packed release', async () => {
    const { packed, release } = await pack();
    expect(await verifyTarball(packed.tarball)).toEqual({
      file: packed.tarball,
      release: NAME,
      releaseId: await hashFile(path.join(release, 'SHA256SUMS')),
      filesChecked: 8,
      signature: 'none',
      keys: [],
      bytes: packed.size,
    });
  });

  /** Packs a release again after `change`, with its former manifest and checksums. */
  async function tampered(change: (release: string) => Promise<unknown>): Promise<KsbundleError['facts']> {
    const { release, packed } = await pack();
    await change(release);
    await packTree(release, packed.tarball, { prefix: NAME, gzip: 6 });
    return factsOf(verifyTarball(packed.tarball));
  }

  it.each([
    [
      'a changed file',
      (release: string) => writeFile(path.join(release, 'lib/app.py'), 'print(2)\n'),
      /^lib\/app\.py: its SHA-256/,
    ],
    [
      'a longer file',
      (release: string) => writeFile(path.join(release, 'README'), 'longer than before\n'),
      /^README: its size/,
    ],
    [
      'a lost executable bit',
      (release: string) => chmod(path.join(release, 'bin/python3'), 0o644),
      /^bin\/python3: its mode is 644/,
    ],
    [
      'an extra file',
      (release: string) => writeFile(path.join(release, 'lib/evil.py'), ''),
      /^lib\/evil\.py is not part/,
    ],
    ['an extra directory', (release: string) => mkdir(path.join(release, 'evil')), /^evil is not part/],
    [
      'an extra link',
      (release: string) => symlink('README', path.join(release, 'link')),
      /^link is not part/,
    ],
    [
      'a missing file',
      (release: string) => run(['rm', path.join(release, 'lib/app.py')]),
      /^lib\/app\.py is missing/,
    ],
    [
      'a changed link',
      (release: string) => run(['ln', '-sfn', 'evil', path.join(release, 'bin/python')]),
      /^bin\/python: its target is evil/,
    ],
    [
      'no manifest',
      (release: string) => run(['rm', path.join(release, 'manifest.json')]),
      /^manifest\.json is missing/,
    ],
    [
      'no checksums',
      (release: string) => run(['rm', path.join(release, 'SHA256SUMS')]),
      /^SHA256SUMS is missing/,
    ],
    [
      'a changed manifest',
      (release: string) => run(['sed', '-i', 's/"2.17"/"2.16"/', path.join(release, 'manifest.json')]),
      /^manifest\.json differs from SHA256SUMS/,
    ],
    [
      'a checksum taken away',
      (release: string) => run(['sed', '-i', '/README/d', path.join(release, 'SHA256SUMS')]),
      /^README is not in SHA256SUMS/,
    ],
  ])('names %s', async (_, change, message) => {
    const facts = await tampered(change);
    expect(facts).toMatchObject({ code: 'KSB_VERIFY_FAILED', exitCode: 4 });
    expect(facts.problems?.map((problem) => problem.message)).toContainEqual(expect.stringMatching(message));
  });

  it(
    'detects every changed byte of the file, and bytes before and after it',
    { timeout: 600_000 },
    async () => {
      const { directory, packed } = await pack();
      const bytes = await readFile(packed.tarball);
      const changed = path.join(directory, 'changed.tar.gz');
      const check = async (content: Buffer, what: string): Promise<void> => {
        await writeFile(changed, content);
        const facts = await factsOf(verifyTarball(changed));
        expect(facts.exitCode, what).toBe(4);
      };
      for (let offset = 0; offset < bytes.length; offset += 1) {
        const copy = Buffer.from(bytes);
        copy[offset] = (copy[offset] ?? 0) ^ 0xff;
        await check(copy, `byte ${offset}`);
      }
      await check(Buffer.concat([bytes, Buffer.from('x')]), 'a byte after the end');
      await check(Buffer.concat([bytes, gzipSync(Buffer.alloc(512))]), 'another gzip member after the end');
      await check(Buffer.concat([Buffer.from('x'), bytes]), 'a byte before the start');
      await check(bytes.subarray(0, -1), 'truncated by a byte');
      await check(Buffer.alloc(0), 'empty');
    },
  );

  it.each([
    ['an owner', (header: Header) => void (header.uid = 1000)],
    ['a time', (header: Header) => void (header.mtime = new Date(0))],
    ['a mode with setuid', (header: Header) => void (header.mode = 0o4755)],
    ['a directory that anybody may write', (header: Header) => void (header.mode = 0o777), 'bin/'],
    ['a release that its group may write', (header: Header) => void (header.mode = 0o775), ''],
    ['a link with another mode', (header: Header) => void (header.mode = 0o755), 'bin/python'],
    ['a file in place of the release', (header: Header) => void (header.path = NAME), ''],
  ])('notices %s in the tar', async (_, change, place = 'bin/python3') => {
    const { packed } = await pack();
    const tar = gunzipSync(await readFile(packed.tarball));
    const offset = tar.indexOf(`${NAME}/${place}\0`);
    const header = new Header(tar, offset);
    change(header);
    tar.fill(0, offset, offset + 512);
    header.encode(tar, offset);
    await writeFile(packed.tarball, gzipLikeOurs(tar));
    expect(await factsOf(verifyTarball(packed.tarball))).toMatchObject({ exitCode: 4 });
  });

  it('reports a file that is not a release', async () => {
    const { directory } = await pack();
    const file = path.join(directory, 'other.tar.gz');
    await packTree(await writeTree(path.join(directory, 'other'), { 'a/b': 'c' }), file, { gzip: 6 });
    expect(await factsOf(readManifestFromTarball(file))).toMatchObject({
      code: 'KSB_NOT_A_RELEASE',
      exitCode: 4,
    });
    expect(await factsOf(verifyTarball(file))).toMatchObject({ code: 'KSB_VERIFY_FAILED', exitCode: 4 });
  });

  it('leaves the release complete after packing', async () => {
    const { release } = await pack();
    expect((await listTree(release)).map((entry) => entry.path)).toEqual(
      expect.arrayContaining(['manifest.json', 'SHA256SUMS']),
    );
  });
});

/** Node's gzip, with the header bytes that ksbundle writes. */
function gzipLikeOurs(content: Buffer): Buffer {
  const bytes = gzipSync(content);
  bytes.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  return bytes;
}
