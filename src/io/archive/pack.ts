import { createHash } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { open, readlink, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fse from 'fs-extra';
import { sha256, type Sha256 } from '../../domain/digest.ts';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import { explainDiskFull } from '../disk.ts';
import { listTree, type TreeEntry } from '../files.ts';
import { gzipMembers } from './gzip.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './tar-header.ts';

export interface PackOptions {
  /** Directory above all entries, itself an entry; none by default. */
  readonly prefix?: string;
  /** gzip level, 1 to 9; a plain tar by default. */
  readonly gzip?: number;
  /** Time stamp of every entry, seconds since the epoch; `SOURCE_DATE_EPOCH` by default. */
  readonly epoch?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Packed {
  /** Digest of the written bytes. */
  readonly sha256: Sha256;
  /** Written bytes. */
  readonly size: number;
  /** Digest of the tar inside the compression: the same under every version of zlib. */
  readonly tarSha256: Sha256;
}

/**
 * Packs a tree to a tar whose bytes depend only on its names, contents, executable bits and links. Names are in byte
 * order. The owner is 0:0, modes are 0755 and 0644 (links 0777), all entries have one time stamp, and hard links become
 * copies. If `target` is a path, it is written whole or not at all. Throws `KSB_TREE_NOT_PACKABLE` for devices, sockets
 * and fifos, and `KSB_DISK_FULL`.
 */
export async function packTree(
  root: string,
  target: string | Writable,
  options: PackOptions = {},
): Promise<Packed> {
  if (typeof target !== 'string') return packTo(root, target, options);
  await fse.ensureDir(path.dirname(target));
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    const packed = await packTo(root, createWriteStream(temporary, { mode: 0o644 }), options);
    await syncFile(temporary);
    await rename(temporary, target);
    return packed;
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainDiskFull(error, target);
  }
}

async function packTo(root: string, target: Writable, options: PackOptions): Promise<Packed> {
  const inner = createHash('sha256');
  const outer = createHash('sha256');
  let size = 0;
  const tar = tap(tarOf(root, options), (chunk) => inner.update(chunk));
  const bytes = options.gzip === undefined ? tar : gzipMembers(tar, options.gzip);
  const counted = tap(bytes, (chunk) => {
    outer.update(chunk);
    size += chunk.length;
  });
  await pipeline(
    Readable.from(counted, { objectMode: true }),
    target,
    options.signal === undefined ? {} : { signal: options.signal },
  );
  return { sha256: sha256(outer.digest('hex')), size, tarSha256: sha256(inner.digest('hex')) };
}

async function* tap<T>(chunks: AsyncIterable<T>, look: (chunk: T) => void): AsyncGenerator<T> {
  for await (const chunk of chunks) {
    look(chunk);
    yield chunk;
  }
}

async function* tarOf(root: string, options: PackOptions): AsyncGenerator<Buffer> {
  const { prefix = '', epoch: mtime = SOURCE_DATE_EPOCH } = options;
  const inside = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`);
  const fixed = { mtime, size: 0, target: '' };
  if (prefix !== '') yield encodeTarHeader({ ...fixed, path: `${prefix}/`, kind: 'directory', mode: 0o755 });
  for (const entry of await listTree(root)) {
    const file = path.join(root, entry.path);
    const name = inside(entry.path);
    switch (entry.kind) {
      case 'directory':
        yield encodeTarHeader({ ...fixed, path: `${name}/`, kind: 'directory', mode: 0o755 });
        break;
      case 'symlink':
        yield encodeTarHeader({
          ...fixed,
          path: name,
          kind: 'symlink',
          mode: 0o777,
          target: await readlink(file),
        });
        break;
      case 'file':
        yield* tarOfFile(file, name, mtime);
        break;
      case 'other':
        throw notPackable(file, entry);
    }
  }
  yield TAR_END;
}

const READ_SIZE = 1 << 20;

async function* tarOfFile(file: string, name: string, mtime: number): AsyncGenerator<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size, mode } = await handle.stat();
    yield encodeTarHeader({
      path: name,
      kind: 'file',
      mode: (mode & 0o100) === 0 ? 0o644 : 0o755,
      size,
      mtime,
      target: '',
    });
    let left = size;
    while (left > 0) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(Math.min(left, READ_SIZE)));
      if (bytesRead === 0) throw new Error(`${file} became shorter while it was packed`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    yield tarPadding(size);
  } finally {
    await handle.close();
  }
}

function notPackable(file: string, { path: name }: TreeEntry): KsbundleError {
  return new KsbundleError({
    code: 'KSB_TREE_NOT_PACKABLE',
    exitCode: ExitCode.failed,
    message: `${file} cannot be packed`,
    why: `${name} is not a file, directory or symbolic link`,
  });
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
