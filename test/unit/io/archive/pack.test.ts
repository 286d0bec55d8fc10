import { chmod, link, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { collectContent } from '../../../../src/io/archive/entry.ts';
import { gzipMembers, packTree, unpackArchive, visitReleaseTarball } from '../../../../src/io/archive.ts';
import { hashFile, listTree } from '../../../../src/io/files.ts';
import { run } from '../../../../src/io/process.ts';
import { temporaryDirectory, writeTree, type TreeContent } from '../../../support/archives.ts';
import { factsOf } from '../../../support/errors.ts';

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
  it('depends only on names, contents, executable bits and links', async () => {
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
      facts: { code: 'KSB_TREE_NOT_PACKABLE' },
    });
    expect(await readdir(path.join(directory, 'out'))).toEqual([]);
    await expect(
      packTree(path.join(directory, 'absent'), path.join(directory, 'out/root.tar')),
    ).rejects.toThrow(/ENOENT/);
    expect(await readdir(path.join(directory, 'out'))).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('reports a full disk as such', async () => {
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
  it('accepts the output of packTree', async () => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const file = path.join(directory, 'root.tgz');
    const { size } = await packTree(root, file, { gzip: 6 });
    const names: string[] = [];
    const bytes = await visitReleaseTarball(file, { leading: [] }, async (entry) => {
      names.push(entry.path.replace(/\/$/u, ''));
      for await (const _ of entry.content) void _;
    });
    expect(bytes).toBe(size);
    expect(names).toEqual((await listTree(root)).map((entry) => entry.path));
  });

  const block = (tar: Buffer, name: string): Buffer => {
    const start = tar.indexOf(`${name}\0`);
    return tar.subarray(start, start + 512);
  };
  it.each<[string, (tar: Buffer) => Buffer | void]>([
    ['a file that tar takes for a directory', (tar) => rewrite(block(tar, 'lib/a'), 0, 'lib/a/\0')],
    ['a directory that is named as a file', (tar) => rewrite(block(tar, 'lib/'), 0, 'lib\0')],
    ['a hard link in place of a link', (tar) => rewrite(block(tar, 'near-link'), 156, '1')],
    ['a link with content', (tar) => rewrite(block(tar, 'near-link'), 124, '00000001000\0')],
    ['a file with a target', (tar) => rewrite(block(tar, 'lib/a'), 157, 'lib-b')],
    ['a kind that is not known', (tar) => rewrite(block(tar, 'lib/a'), 156, 'x')],
    ['a kind of file of old tars', (tar) => rewrite(block(tar, 'lib/a'), 156, '\0')],
    ['an owner', (tar) => rewrite(block(tar, 'lib/a'), 108, '0000001\0')],
    ["an owner's name", (tar) => rewrite(block(tar, 'lib/a'), 265, 'root\0')],
    ['a time', (tar) => rewrite(block(tar, 'lib/a'), 136, '00000000001\0')],
    ['a number with blanks', (tar) => rewrite(block(tar, 'lib/a'), 124, '         1 \0')],
    ['a number in base 256', (tar) => rewrite(block(tar, 'lib/a'), 124, '\x80\0\0\0\0\0\0\0\0\0\0\x01')],
    ['a size that nothing is there for', (tar) => rewrite(block(tar, 'near-link'), 156, '0')],
    ['a checksum in another form', (tar) => void block(tar, 'lib/a').write(' ', 148)],
    ['a byte after a name', (tar) => rewrite(block(tar, 'lib/a'), 99, 'x')],
    [
      'a byte after a long name',
      (tar) => void tar.write('x', tar.indexOf(LONGER) + Buffer.byteLength(LONGER) + 1),
    ],
    ['a long name that tar reads another way', (tar) => void tar.write('\0', tar.indexOf(LONGER) + 3)],
    ['a long name of gigabytes', (tar) => rewrite(block(tar, '././@LongLink'), 124, '77777777777\0')],
    [
      'padding that is not empty',
      (tar) => void tar.write('x', tar.indexOf('a', tar.indexOf('lib/a\0') + 512) + 1),
    ],
    ['content that ends early', (tar) => tar.subarray(0, tar.length - 1536)],
    ['no end', (tar) => tar.subarray(0, -1024)],
    ['half an end', (tar) => tar.subarray(0, -512)],
    ['a longer end', (tar) => Buffer.concat([tar, Buffer.alloc(512)])],
    ['nothing', () => Buffer.alloc(0)],
  ])('refuses %s', async (_, alter) => {
    const directory = await temporaryDirectory();
    const root = await writeTree(path.join(directory, 'root'), CONTENT);
    const file = path.join(directory, 'root.tgz');
    await packTree(root, file, { gzip: 6 });
    const tar = gunzipSync(await readFile(file));
    const whole = Buffer.from(tar);
    const altered = alter(tar) ?? tar;
    expect(altered.equals(whole)).toBe(false);
    await writeFile(file, await collectContent(gzipMembers([altered], 6)));
    const visited = visitReleaseTarball(
      file,
      { leading: [] },
      async ({ content }) => void (await collectContent(content)),
    );
    expect(await factsOf(visited)).toMatchObject({ code: 'KSB_ARCHIVE_DAMAGED', exitCode: 4 });
  });
});

/** Writes a field of a header, and the matching checksum. */
function rewrite(header: Buffer, offset: number, field: string): void {
  header.write(field, offset, 'latin1');
  header.write(' '.repeat(8), 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

async function extract(argv: readonly string[], to: string): Promise<void> {
  await mkdir(to);
  expect(await run(argv)).toMatchObject({ exitCode: 0, stderr: '' });
}
