import { chmod, lstat, open, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import path from 'node:path';
import { ElfError } from '../domain/elf/bytes.ts';
import { isElf } from '../domain/elf/header.ts';
import { LIBRARY_DIRECTORY, PLACEHOLDER_PREFIX } from '../domain/layout.ts';
import { listTree, writeFileAtomically, type TreeEntry } from '../io/files.ts';
import { stripElf } from './elf-strip.ts';
import { relocateElf, type RpathChange } from './rpath.ts';
import { relocateShebang } from './shebang.ts';
import { relocateSymlink } from './symlink.ts';

export interface RelocationOptions {
  /** Absolute directories that exist only during the build: staging, work, toolchain. */
  readonly buildDirectories: readonly string[];
  /** Release path of the Python interpreter, if there is one. */
  readonly python?: string;
}

/** Changed files; every list is sorted by path. */
export interface RelocationReport {
  readonly elfFiles: number;
  /** ELF files whose RPATH or its tag was set. */
  readonly rpaths: readonly {
    readonly path: string;
    readonly rpath: string;
    readonly kind: 'overwritten' | 'added';
  }[];
  /** ELF files without debug information now. */
  readonly stripped: readonly string[];
  /** ELF files without an RPATH, for lack of room. */
  readonly inherited: readonly string[];
  readonly symlinks: readonly { readonly path: string; readonly target: string }[];
  readonly shebangs: readonly string[];
  readonly modes: readonly string[];
}

/** Enough for a magic number or a shebang line: the kernel reads 256 bytes. */
const HEAD_SIZE = 256;

/** Files processed in parallel. */
const CONCURRENCY = 8;

/**
 * Makes the tree at `root`, a present or future release, run from any directory: RPATHs, symbolic links, shebangs and
 * file modes. Removes debug information. Idempotent. Leaves a file that only looks like ELF for the audit.
 */
export async function relocateTree(root: string, options: RelocationOptions): Promise<RelocationReport> {
  const absoluteRoot = path.resolve(root);
  const roots = [PLACEHOLDER_PREFIX, absoluteRoot];
  const tree = {
    ...options,
    root: absoluteRoot,
    roots,
    buildDirectories: [...roots, ...options.buildDirectories],
  };
  const entries = await listTree(absoluteRoot);
  const changes: EntryChange[] = [];
  for (let start = 0; start < entries.length; start += CONCURRENCY) {
    const batch = entries.slice(start, start + CONCURRENCY);
    changes.push(...(await Promise.all(batch.map((entry) => relocateEntry(tree, entry)))));
  }
  return reportChanges(changes);
}

interface Tree extends RelocationOptions {
  readonly root: string;
  /** Absolute paths that mean the release's root. */
  readonly roots: readonly string[];
}

interface EntryChange {
  readonly path: string;
  readonly modeChanged?: boolean;
  readonly elf?: {
    readonly kind: RpathChange['kind'];
    readonly rpath?: string;
    readonly stripped: boolean;
  };
  readonly target?: string;
  readonly shebangChanged?: boolean;
}

function reportChanges(changes: readonly EntryChange[]): RelocationReport {
  const pathsOf = (chosen: (change: EntryChange) => boolean): string[] =>
    changes.filter(chosen).map((one) => one.path);
  return {
    elfFiles: pathsOf(({ elf }) => elf !== undefined).length,
    rpaths: changes.flatMap(({ path: at, elf }) =>
      elf?.rpath !== undefined && (elf.kind === 'overwritten' || elf.kind === 'added')
        ? [{ path: at, rpath: elf.rpath, kind: elf.kind }]
        : [],
    ),
    stripped: pathsOf(({ elf }) => elf?.stripped === true),
    inherited: pathsOf(({ elf }) => elf?.kind === 'inherited'),
    symlinks: changes.flatMap(({ path: at, target }) => (target === undefined ? [] : [{ path: at, target }])),
    shebangs: pathsOf(({ shebangChanged }) => shebangChanged === true),
    modes: pathsOf(({ modeChanged }) => modeChanged === true),
  };
}

async function relocateEntry(tree: Tree, entry: TreeEntry): Promise<EntryChange> {
  const file = path.join(tree.root, entry.path);
  if (entry.kind === 'other') return { path: entry.path };
  if (entry.kind === 'symlink')
    return { path: entry.path, ...(await relinkRelative(file, { entry, roots: tree.roots })) };
  const { mode, changed } = await normalizeMode(file, entry);
  const content = entry.kind === 'file' ? await relocateContent(file, { tree, path: entry.path, mode }) : {};
  return { path: entry.path, modeChanged: changed, ...content };
}

async function relinkRelative(
  file: string,
  link: { readonly entry: TreeEntry; readonly roots: readonly string[] },
): Promise<Pick<EntryChange, 'target'>> {
  const target = relocateSymlink(link.entry.path, await readlink(file), link.roots);
  if (target === undefined) return {};
  await unlink(file);
  await symlink(target, file);
  return { target };
}

interface FilePlace {
  readonly tree: Tree;
  readonly path: string;
  readonly mode: number;
}

async function relocateContent(
  file: string,
  place: FilePlace,
): Promise<Pick<EntryChange, 'elf' | 'shebangChanged'>> {
  const head = await readHead(file);
  if (isElf(head)) return relocateElfFile(file, place);
  if (head.toString('latin1', 0, 2) !== '#!') return {};
  const script = { ...place.tree, file: place.path, executable: place.mode === 0o755 };
  const line = relocateShebang(head.toString('utf8').split('\n', 1)[0] ?? '', script);
  if (line === undefined) return {};
  await replaceFirstLine(file, { line, mode: place.mode });
  return { shebangChanged: true };
}

/**
 * Directories and executable files get 0755, all others 0644, including Python modules that are installed as programs:
 * nothing runs them by path.
 */
async function normalizeMode(
  file: string,
  entry: TreeEntry,
): Promise<{ readonly mode: number; readonly changed: boolean }> {
  const current = (await lstat(file)).mode & 0o7777;
  const isModule = entry.path.startsWith(`${LIBRARY_DIRECTORY}/`) && entry.path.endsWith('.py');
  const isRunnable = entry.kind === 'directory' || ((current & 0o100) !== 0 && !isModule);
  const mode = isRunnable ? 0o755 : 0o644;
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

async function relocateElfFile(file: string, place: FilePlace): Promise<Pick<EntryChange, 'elf'>> {
  try {
    const original = await readFile(file);
    const stripped = stripElf(original);
    const change = relocateElf(stripped ?? original, place.path);
    const relocated = 'bytes' in change ? change : undefined;
    const bytes = relocated?.bytes ?? stripped;
    if (bytes !== undefined) await replaceFile(file, bytes, place.mode);
    return {
      elf: {
        kind: change.kind,
        ...(relocated === undefined ? {} : { rpath: relocated.rpath }),
        stripped: stripped !== undefined,
      },
    };
  } catch (error) {
    if (error instanceof ElfError) return {};
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

/** Replaces the file by a new one, so that hard links keep the old contents. */
async function replaceFile(file: string, bytes: Buffer, mode: number): Promise<void> {
  await writeFileAtomically(file, bytes, { mode });
  await chmod(file, mode);
}
