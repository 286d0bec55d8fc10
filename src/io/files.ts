import { createHash } from 'node:crypto';
import { lstat, mkdtemp, open, readdir, readlink, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import fse from 'fs-extra';
import { compareBytes } from '../domain/compare-bytes.ts';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { ifThere } from './if-there.ts';

export interface TreeEntry {
  /** Path relative to the tree's root, with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
}

/** Every entry below `root`, without `root` itself, in byte order of the paths. Does not follow symbolic links. */
export async function listTree(root: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const visit = async (relative: string): Promise<void> => {
    for (const entry of await readdir(path.join(root, relative), { withFileTypes: true })) {
      const child = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const kind = entry.isDirectory()
        ? 'directory'
        : entry.isFile()
          ? 'file'
          : entry.isSymbolicLink()
            ? 'symlink'
            : 'other';
      entries.push({ path: child, kind });
      if (kind === 'directory') await visit(child);
    }
  };
  await visit('');
  return entries.sort((a, b) => compareBytes(a.path, b.path));
}

const HASH_BUFFER_SIZE = 1 << 20;

/** Digest of a file from the byte `start` on. */
export async function hashFile(file: string, start = 0): Promise<Sha256> {
  const hash = createHash('sha256');
  // Not a stream: it would cost more than reading one of the ten thousand small files of a release.
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size, HASH_BUFFER_SIZE)));
    for (let length = -1, position = start; length !== 0; position += length) {
      length = (await handle.read(buffer, 0, buffer.length, position)).bytesRead;
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    await handle.close();
  }
  return sha256(hash.digest('hex'));
}

export function hashBytes(bytes: string | Uint8Array): Sha256 {
  return sha256(createHash('sha256').update(bytes).digest('hex'));
}

/** Whether a path is in a byte code cache of Python, which is ignored wherever files are collected. */
export function isByteCodeCache(file: string): boolean {
  return file.split('/').includes('__pycache__');
}

/**
 * Digest of all files and links below `root`: their names, bytes and targets. Modes, times and byte code caches do not
 * count.
 */
export async function hashTree(root: string): Promise<Sha256> {
  const entries = (await listTree(root)).filter(({ path: file }) => !isByteCodeCache(file));
  const lines = await Promise.all(
    entries.map(async ({ path: file, kind }) => {
      const absolute = path.join(root, file);
      if (kind === 'file') return `${await hashFile(absolute)} ${file}\n`;
      return kind === 'symlink' ? `-> ${await readlink(absolute)} ${file}\n` : '';
    }),
  );
  return hashBytes(lines.join(''));
}

/**
 * Writes `content` to `file` with a temporary name, fsync and rename: after a crash, `file` is unchanged or complete.
 */
export async function writeFileAtomically(
  file: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  await fse.ensureDir(path.dirname(file));
  const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o644);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Runs `work` with a new directory below `parent`, then removes the directory. */
export async function withTemporaryDirectory<T>(
  parent: string,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  await fse.ensureDir(parent);
  const directory = await mkdtemp(path.join(parent, 'tmp-'));
  try {
    return await work(directory);
  } finally {
    await removeTree(directory);
  }
}

/** Removes all directories below `root` that contain no files. */
export async function removeEmptyDirectories(root: string): Promise<void> {
  const directories = (await listTree(root))
    .filter(({ kind }) => kind === 'directory')
    .map((entry) => entry.path);
  for (const directory of directories.toReversed()) {
    const absolute = path.join(root, directory);
    if ((await readdir(absolute)).length === 0) await rmdir(absolute);
  }
}

/** Removes a tree, also if it contains read-only directories. Does nothing if it does not exist. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch {
    await makeWritable(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

async function makeWritable(directory: string): Promise<void> {
  await fse.chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(path.join(directory, entry.name));
  }
}

export async function exists(file: string): Promise<boolean> {
  return fse.pathExists(file);
}

/**
 * The first part of a path below `base` that is a symbolic link, through which a write would go elsewhere; undefined if
 * there is none.
 */
export async function findLink(base: string, relative: string): Promise<string | undefined> {
  const parts = relative.split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const part = parts.slice(0, length).join('/');
    const status = await ifThere(lstat(path.join(base, part)));
    if (status === undefined) return undefined;
    if (status.isSymbolicLink()) return part;
  }
  return undefined;
}

/** Copies one file and creates its parent directories. */
export async function copyFile(from: string, to: string): Promise<void> {
  await fse.copy(from, to, { errorOnExist: true, overwrite: false });
}

function occupied(target: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_MERGE_CLASH',
    exitCode: ExitCode.failed,
    message: `${target} already exists`,
    why: 'two components install it, or one installs below a link of another',
    hint: 'change what the steps of one of them install',
  });
}

/**
 * Moves everything below `from` into the tree `to`, and merges directories. Throws `KSB_MERGE_CLASH` if a file or a
 * link already exists.
 */
export async function mergeTree(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    const there = await ifThere(lstat(target));
    if (there === undefined) await rename(source, target);
    else if (entry.isDirectory() && there.isDirectory()) await mergeTree(source, target);
    else throw occupied(target);
  }
}
