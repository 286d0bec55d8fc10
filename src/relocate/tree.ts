import { chmod, lstat, open, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import path from 'node:path';
import { ElfError } from '../domain/elf/bytes.ts';
import { isElf } from '../domain/elf/header.ts';
import { PLACEHOLDER_PREFIX } from '../domain/layout.ts';
import { listTree, writeFileAtomically } from '../io/files.ts';
import { relocateElf, type RpathChange } from './rpath.ts';
import { relocateShebang } from './shebang.ts';
import { relocateSymlink } from './symlink.ts';

export interface RelocationOptions {
  /** Absolute directories that exist while building only: staging, work, toolchain. */
  readonly buildDirectories: readonly string[];
  /** Release path of the Python interpreter, if there is one. */
  readonly python?: string;
}

/** What relocation changed; every list is sorted by path. */
export interface RelocationReport {
  readonly elfFiles: number;
  /** ELF files that got an RPATH, or another one, or another tag for it. */
  readonly rpaths: readonly {
    readonly path: string;
    readonly rpath: string;
    readonly kind: 'overwritten' | 'added';
  }[];
  /** ELF files that have none, because there is no room for it. */
  readonly inherited: readonly string[];
  readonly symlinks: readonly { readonly path: string; readonly target: string }[];
  readonly shebangs: readonly string[];
  readonly modes: readonly string[];
}

/** Enough for the magic number and for a shebang line: the kernel reads 256 bytes. */
const HEAD_SIZE = 256;

/**
 * Makes the tree at `root`, a release or what is to become one, run from anywhere: RPATHs, symbolic links, shebangs and
 * file modes. Doing it twice changes nothing. A file that only looks like ELF is left for the audit.
 */
export async function relocateTree(root: string, options: RelocationOptions): Promise<RelocationReport> {
  const absoluteRoot = path.resolve(root);
  const entries = await listTree(absoluteRoot);
  const modes: string[] = [];
  const shebangs: string[] = [];
  const symlinks: { path: string; target: string }[] = [];
  const elfFiles: { path: string; kind: RpathChange['kind']; rpath?: string }[] = [];
  const roots = [PLACEHOLDER_PREFIX, absoluteRoot];
  const buildDirectories = [...roots, ...options.buildDirectories];

  for (const entry of entries) {
    const file = path.join(absoluteRoot, entry.path);
    if (entry.kind === 'symlink') {
      const target = relocateSymlink(entry.path, await readlink(file), roots);
      if (target === undefined) continue;
      await unlink(file);
      await symlink(target, file);
      symlinks.push({ path: entry.path, target });
    } else if (entry.kind !== 'other') {
      const mode = await normalizeMode(file, entry.kind);
      if (mode.changed) modes.push(entry.path);
      if (entry.kind === 'directory') continue;
      const head = await readHead(file);
      if (isElf(head)) {
        const result = await relocateElfFile(file, { path: entry.path, mode: mode.mode });
        if (result !== undefined) elfFiles.push({ path: entry.path, ...result });
      } else if (head.toString('latin1', 0, 2) === '#!') {
        const script = { ...options, buildDirectories, file: entry.path, executable: mode.mode === 0o755 };
        const line = relocateShebang(head.toString('utf8').split('\n', 1)[0] ?? '', script);
        if (line === undefined) continue;
        await replaceFirstLine(file, { line, mode: mode.mode });
        shebangs.push(entry.path);
      }
    }
  }
  return {
    elfFiles: elfFiles.length,
    rpaths: elfFiles.flatMap(({ path: at, kind, rpath }) =>
      (kind === 'overwritten' || kind === 'added') && rpath !== undefined ? [{ path: at, rpath, kind }] : [],
    ),
    inherited: elfFiles.filter(({ kind }) => kind === 'inherited').map((elf) => elf.path),
    symlinks,
    shebangs,
    modes,
  };
}

/** Directories and what the owner may execute get 0755, all else 0644. */
async function normalizeMode(
  file: string,
  kind: 'file' | 'directory',
): Promise<{ readonly mode: number; readonly changed: boolean }> {
  const current = (await lstat(file)).mode & 0o7777;
  const mode = kind === 'directory' || (current & 0o100) !== 0 ? 0o755 : 0o644;
  if (mode !== current) await chmod(file, mode);
  return { mode, changed: mode !== current };
}

async function readHead(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(HEAD_SIZE),
      length: HEAD_SIZE,
      position: 0,
    });
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function relocateElfFile(
  file: string,
  at: { readonly path: string; readonly mode: number },
): Promise<{ readonly kind: RpathChange['kind']; readonly rpath?: string } | undefined> {
  try {
    const change = relocateElf(await readFile(file), at.path);
    if (!('bytes' in change)) return { kind: change.kind };
    await replaceFile(file, change.bytes, at.mode);
    return { kind: change.kind, rpath: change.rpath };
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

async function replaceFirstLine(
  file: string,
  change: { readonly line: string; readonly mode: number },
): Promise<void> {
  const bytes = await readFile(file);
  const end = bytes.indexOf('\n');
  const rest = end === -1 ? Buffer.from('\n') : bytes.subarray(end);
  await replaceFile(file, Buffer.concat([Buffer.from(change.line), rest]), change.mode);
}

/** Writes a new file in place of the old one, so that other names of that one (hard links) keep theirs. */
async function replaceFile(file: string, bytes: Buffer, mode: number): Promise<void> {
  await writeFileAtomically(file, bytes, { mode });
  await chmod(file, mode);
}
