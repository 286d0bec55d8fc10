import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { KsbundleError } from '../../../../src/domain/errors.ts';
import { unpackArchive, type UnpackOptions } from '../../../../src/io/archive.ts';
import { makeTar, makeZip, temporaryDirectory, type TarItem } from '../../../support/archives.ts';

async function unpack(bytes: Buffer, options?: UnpackOptions): Promise<string> {
  const directory = await temporaryDirectory();
  await writeFile(path.join(directory, 'source.bin'), bytes);
  const destination = path.join(directory, 'out');
  await unpackArchive(path.join(directory, 'source.bin'), destination, options);
  return destination;
}

/** Unpacks an archive that must be refused. Checks that nothing was left behind, and returns the error's facts. */
async function refusal(bytes: Buffer, options?: UnpackOptions): Promise<KsbundleError['facts']> {
  const directory = await temporaryDirectory();
  const inner = path.join(directory, 'inner');
  await mkdir(inner);
  await writeFile(path.join(inner, 'source.bin'), bytes);
  const error: unknown = await unpackArchive(
    path.join(inner, 'source.bin'),
    path.join(inner, 'out'),
    options,
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(await readdir(inner)).toEqual(['source.bin']);
  expect(await readdir(directory)).toEqual(['inner']);
  if (!(error instanceof KsbundleError)) throw new Error(`not refused: ${String(error)}`);
  return error.facts;
}

const link = (name: string, linkpath: string): TarItem => ({ path: name, type: 'SymbolicLink', linkpath });

describe('unpackArchive', () => {
  it('writes files, directories and links, with the times of the archive and plain modes', async () => {
    const mtime = new Date('2001-02-03T04:05:06Z');
    const umask = process.umask(0o077);
    try {
      const out = await unpack(
        gzipSync(
          makeTar([
            { path: 'top/', type: 'Directory', mode: 0o700, mtime },
            { path: 'top/run', content: '#!/bin/sh\n', mode: 0o4711, mtime },
            { path: 'top/a/stöne', content: 'text', mode: 0o600, mtime },
            link('top/l', 'a/stöne'),
            { path: 'top/hard', type: 'Link', linkpath: 'top/run' },
          ]),
        ),
        { strip: 1 },
      );
      expect((await readdir(out)).sort()).toEqual(['a', 'hard', 'l', 'run']);
      expect(await readFile(path.join(out, 'l'), 'utf8')).toBe('text');
      expect(await readlink(path.join(out, 'l'))).toBe('a/stöne');
      for (const [name, mode] of [
        ['.', 0o755],
        ['a', 0o755],
        ['run', 0o755],
        ['hard', 0o755],
        ['a/stöne', 0o644],
      ] as const) {
        expect((await lstat(path.join(out, name))).mode & 0o7777, name).toBe(mode);
      }
      for (const name of ['run', 'hard', 'a/stöne']) {
        expect((await lstat(path.join(out, name))).mtime, name).toEqual(mtime);
      }
    } finally {
      process.umask(umask);
    }
  });

  it('detects the format by the bytes, not by the name', async () => {
    const out = await unpack(
      makeZip([
        { path: 'bin/x', content: 'x', mode: 0o100755 },
        { path: 'y/', mode: 0o040755 },
      ]),
    );
    expect((await lstat(path.join(out, 'bin/x'))).mode & 0o777).toBe(0o755);
    expect((await lstat(path.join(out, 'y'))).isDirectory()).toBe(true);
    await expect(unpack(Buffer.from('<html>no such file</html>'))).rejects.toMatchObject({
      facts: { code: 'KSB_ARCHIVE_UNKNOWN', exitCode: 4 },
    });
  });

  it('reads large files and many small ones', async () => {
    const large = Buffer.alloc(5 << 20, 'abcdefg');
    const small = Array.from({ length: 300 }, (_, index) => ({ path: `d/${index}`, content: String(index) }));
    const out = await unpack(gzipSync(makeTar([{ path: 'large', content: large }, ...small])));
    expect((await readFile(path.join(out, 'large'))).equals(large)).toBe(true);
    expect(await readdir(path.join(out, 'd'))).toHaveLength(300);
    expect(await readFile(path.join(out, 'd/299'), 'utf8')).toBe('299');
  });

  it('keeps existing files at the destination', async () => {
    const directory = await temporaryDirectory();
    await writeFile(path.join(directory, 'a.tar'), makeTar([{ path: 'x' }]));
    await mkdir(path.join(directory, 'out'));
    await writeFile(path.join(directory, 'out', 'mine'), '');
    await expect(
      unpackArchive(path.join(directory, 'a.tar'), path.join(directory, 'out')),
    ).rejects.toMatchObject({
      facts: { code: 'KSB_DESTINATION_OCCUPIED' },
    });
    expect(await readdir(path.join(directory, 'out'))).toEqual(['mine']);
    expect((await readdir(directory)).sort()).toEqual(['a.tar', 'out']);
  });

  it('stops when aborted', async () => {
    const controller = new AbortController();
    controller.abort(new Error('interrupted'));
    await expect(unpack(makeTar([{ path: 'x' }]), { signal: controller.signal })).rejects.toThrow();
  });
});

describe('unpackArchive refuses', () => {
  const hostile: Readonly<Record<string, readonly [readonly TarItem[], entry: string]>> = {
    'a name with ..': [[{ path: 'a/../../evil', content: 'x' }], 'a/../../evil'],
    'an absolute name': [[{ path: '/tmp/evil', content: 'x' }], '/tmp/evil'],
    'a name with a line break': [[{ path: 'a\nb', content: 'x' }], 'a\nb'],
    'a link out': [[link('a/l', '../../evil')], 'a/l'],
    'an absolute link': [[link('l', '/etc/passwd')], 'l'],
    'a link out through another': [
      [{ path: 'a', type: 'Directory' }, link('a/up', '..'), link('a/evil', 'up/../..')],
      'a/evil',
    ],
    'a link that only another link leads out of': [[link('d', 'x/y'), link('l', 'd/../../..')], 'l'],
    'a file below a link': [[link('l', 'd'), { path: 'l/evil', content: 'x' }], 'l/evil'],
    'a file instead of a link': [[link('l', 'd'), { path: 'l', content: 'x' }], 'l'],
    'a directory instead of a link': [[link('l', 'd'), { path: 'l', type: 'Directory' }], 'l'],
    'a link instead of a directory': [[{ path: 'd', type: 'Directory' }, link('d', 'e')], 'd'],
    'a file that comes twice': [
      [
        { path: 'f', content: '1' },
        { path: './f', content: '2' },
      ],
      './f',
    ],
    'a hard link out': [[{ path: 'h', type: 'Link', linkpath: '../etc/passwd' }], 'h'],
    'an absolute hard link': [[{ path: 'h', type: 'Link', linkpath: '/etc/passwd' }], 'h'],
    'a hard link to a link': [[link('l', 'f'), { path: 'h', type: 'Link', linkpath: 'l' }], 'h'],
    'a hard link to what comes later': [[{ path: 'h', type: 'Link', linkpath: 'f' }, { path: 'f' }], 'h'],
    'a fifo': [[{ path: 'p', type: 'FIFO' }], 'p'],
    'a device': [[{ path: 'c', type: 'CharacterDevice' }], 'c'],
  };
  it.each(Object.entries(hostile))('%s, and names it', async (_, [items, entry]) => {
    const facts = await refusal(makeTar([{ path: 'good', content: 'good' }, ...items]), {
      name: 'zlib-1.tar',
    });
    expect(facts).toMatchObject({ code: 'KSB_ARCHIVE_HOSTILE', exitCode: 4 });
    expect(facts.message).toContain('zlib-1.tar');
    expect(facts.message).toContain(JSON.stringify(entry));
  });

  it.each([
    ['a name with ..', { path: '../evil' }],
    ['an absolute name', { path: '/evil' }],
    ['a link out', { path: 'l', content: '../../evil', mode: 0o120777 }],
    ['a fifo', { path: 'p', mode: 0o010644 }],
  ])('%s in a zip', async (_, item) => {
    const facts = await refusal(makeZip([item]));
    expect(facts).toMatchObject({ code: 'KSB_ARCHIVE_HOSTILE', exitCode: 4 });
    expect(facts.message).toContain(JSON.stringify(item.path));
  });

  it('links that form a loop are no escape', async () => {
    const out = await unpack(makeTar([link('a', 'b'), link('b', 'a')]));
    expect((await readdir(out)).sort()).toEqual(['a', 'b']);
  });

  it('more entries, more bytes, or a higher ratio than the limits', { timeout: 60_000 }, async () => {
    const limits = { bytes: 1000, entries: 10, ratio: 200 };
    const many = Array.from({ length: 11 }, (_, index) => ({ path: `f${index}` }));
    for (const bytes of [
      makeTar(many),
      makeZip(many),
      makeTar([{ path: 'f', content: Buffer.alloc(1001) }]),
    ]) {
      expect(await refusal(bytes, { limits })).toMatchObject({ code: 'KSB_ARCHIVE_HOSTILE' });
    }
    const trailing = Buffer.concat([makeTar([{ path: 'f' }]), Buffer.alloc(1 << 20)]);
    expect(await refusal(gzipSync(trailing), { limits })).toMatchObject({ code: 'KSB_ARCHIVE_HOSTILE' });
    const bomb = Buffer.alloc(65 << 20);
    expect(await refusal(gzipSync(makeTar([{ path: 'bomb', content: bomb }])))).toMatchObject({
      code: 'KSB_ARCHIVE_HOSTILE',
    });
    expect(await refusal(makeZip([{ path: 'bomb', content: bomb }]))).toMatchObject({
      code: 'KSB_ARCHIVE_HOSTILE',
    });
  });

  it('truncated and damaged archives', async () => {
    const tar = makeTar([{ path: 'f', content: Buffer.alloc(5000, 'x') }]);
    const gzip = gzipSync(tar);
    const flipped = Buffer.from(gzip);
    flipped[gzip.length - 6] = (flipped[gzip.length - 6] ?? 0) ^ 1;
    const damaged = [
      tar.subarray(0, 3000),
      gzip.subarray(0, -10),
      flipped,
      makeZip([{ path: 'f', content: 'x', crc: 1 }]),
    ];
    for (const bytes of damaged) {
      expect(await refusal(bytes)).toMatchObject({ code: 'KSB_ARCHIVE_DAMAGED', exitCode: 4 });
    }
  });

  it('an archive of which strip leaves nothing', async () => {
    expect(await refusal(makeTar([{ path: 'f', content: 'x' }]), { strip: 1 })).toMatchObject({
      code: 'KSB_ARCHIVE_DAMAGED',
    });
  });
});
