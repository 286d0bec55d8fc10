import { chmod, link, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { packTree, unpackArchive, visitReleaseTarball } from '../../../../src/io/archive.ts';
import { hashFile, listTree } from '../../../../src/io/files.ts';
import { run } from '../../../../src/io/process.ts';
import { temporaryDirectory, writeTree, type TreeContent } from '../../../support/archives.ts';

const LONG = `${'directory-name/'.repeat(11)}file`;
const LONGER = `${'n'.repeat(180)}/${'ö'.repeat(90)}`;
const CONTENT: TreeContent = {
  'bin/tool': { program: '#!/bin/sh\n' },
  'lib/a': 'a',
  'lib-b': 'b',
  'lib/é': 'not ASCII',
  [LONG]: 'needs a ustar prefix',
  [LONGER]: 'needs a GNU long name',
  'near-link': { link: 'lib/a' },
  'far-link': { link: LONGER },
};

describe('packTree', () => {
  it('depends on names, contents, executable bits and links only', async () => {
    const directory = await temporaryDirectory();
    const one = await writeTree(path.join(directory, 'one'), CONTENT);
    const first = await packTree(one, path.join(directory, 'one.tgz'), { gzip: 6, prefix: 'x' });

    const umask = process.umask(0o077);
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Asia/Tokyo';
    try {
      const reversed = Object.fromEntries(Object.entries(CONTENT).reverse());
      const two = await writeTree(path.join(directory, 'a longer name'), reversed);
      await chmod(path.join(two, 'bin/tool'), 0o700);
      await chmod(path.join(two, 'lib'), 0o700);
      for (const { path: name, kind } of await listTree(two)) {
        if (kind !== 'symlink') await utimes(path.join(two, name), 1e9, 1e9 + 1);
      }
      const second = await packTree(two, path.join(directory, 'two.tgz'), { gzip: 6, prefix: 'x' });
      expect(second).toEqual(first);
      expect(await hashFile(path.join(directory, 'two.tgz'))).toBe(first.sha256);
    } finally {
      process.umask(umask);
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
    await chmod(path.join(one, 'lib/a'), 0o755);
    expect(
      (await packTree(one, path.join(directory, 'three.tgz'), { gzip: 6, prefix: 'x' })).tarSha256,
    ).not.toBe(first.tarSha256);
  });

  it('has pinned bytes: they may change only with a new format', async () => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const { tarSha256, sha256 } = await packTree(root, path.join(directory, 'root.tar'));
    expect(sha256).toBe(tarSha256);
    expect(tarSha256).toMatchInlineSnapshot(
      `"3e3a22990cf4e8b6384cee1cc1a94a4080648bc1b3dd8206074b7b1907fd1c25"`,
    );
  });

  it.each([
    ['this project', async (file: string, to: string) => unpackArchive(file, to, { strip: 1 })],
    [
      'tar',
      async (file: string, to: string) =>
        extract(['tar', '-xzf', file, '-C', to, '--strip-components=1'], to),
    ],
    [
      'busybox',
      async (file: string, to: string) =>
        extract(['busybox', 'tar', '-xzf', file, '-C', to, '--strip-components=1'], to),
    ],
  ])('is read back by %s', async (_, unpack) => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    await packTree(root, path.join(directory, 'root.tgz'), { gzip: 1, prefix: 'top' });
    const out = path.join(directory, 'out');
    await unpack(path.join(directory, 'root.tgz'), out);
    expect(await listTree(out)).toEqual(await listTree(root));
    for (const name of ['bin/tool', 'lib/é', LONG, LONGER, 'far-link']) {
      expect(await readFile(path.join(out, name), 'utf8'), name).toBe(
        await readFile(path.join(root, name), 'utf8'),
      );
    }
  });

  it('writes several gzip members that gzip reads as one file', async () => {
    const directory = await temporaryDirectory();
    await mkdir(path.join(directory, 'root'));
    const large = Buffer.alloc(9 << 20, 'some text that repeats ');
    await writeFile(path.join(directory, 'root/large'), large);
    await link(path.join(directory, 'root/large'), path.join(directory, 'root/same'));
    const file = path.join(directory, 'root.tgz');
    await packTree(path.join(directory, 'root'), file, { gzip: 6 });
    expect(await run(['gzip', '-t', file])).toMatchObject({ exitCode: 0, stderr: '' });
    await unpackArchive(file, path.join(directory, 'out'));
    expect((await readFile(path.join(directory, 'out/same'))).equals(large)).toBe(true);
  });

  it('leaves nothing behind when it fails', async () => {
    const directory = await temporaryDirectory();
    await mkdir(path.join(directory, 'root'));
    await run(['mkfifo', path.join(directory, 'root/fifo')]);
    await expect(
      packTree(path.join(directory, 'root'), path.join(directory, 'out/root.tar')),
    ).rejects.toMatchObject({
      facts: { code: 'KSB_TREE_UNPACKABLE' },
    });
    expect(await readdir(path.join(directory, 'out'))).toEqual([]);
    await expect(
      packTree(path.join(directory, 'absent'), path.join(directory, 'out/root.tar')),
    ).rejects.toThrow(/ENOENT/);
    expect(await readdir(path.join(directory, 'out'))).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('reports a full disk as one', async () => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const full = path.join(directory, 'out', 'full.tar');
    await mkdir(path.dirname(full));
    await run(['ln', '-s', '/dev/full', `${full}.${process.pid}.tmp`]);
    await expect(packTree(root, full)).rejects.toMatchObject({
      facts: { code: 'KSB_DISK_FULL', exitCode: 1 },
    });
    expect(await readdir(path.dirname(full))).toEqual([]);
  });

  it('writes to a stream', async () => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const stream = new PassThrough();
    const [packed, chunks] = await Promise.all([
      packTree(root, stream),
      stream.toArray() as Promise<Buffer[]>,
    ]);
    expect(Buffer.concat(chunks)).toHaveLength(packed.size);
  });
});

describe('visitReleaseTarball', () => {
  it('takes what packTree wrote', async () => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const file = path.join(directory, 'root.tgz');
    const { size } = await packTree(root, file, { gzip: 6 });
    const names: string[] = [];
    const bytes = await visitReleaseTarball(file, {}, async (entry) => {
      names.push(entry.path.replace(/\/$/u, ''));
      for await (const _ of entry.content) void _;
    });
    expect(bytes).toBe(size);
    expect(names).toEqual((await listTree(root)).map((entry) => entry.path));
  });
});

async function extract(argv: readonly string[], to: string): Promise<void> {
  await mkdir(to);
  expect(await run(argv)).toMatchObject({ exitCode: 0, stderr: '' });
}
