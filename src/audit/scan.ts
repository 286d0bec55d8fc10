import { lstat, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { ElfError } from '../domain/elf/bytes.ts';
import { readElf, type ElfFile } from '../domain/elf/file.ts';
import { isElf } from '../domain/elf/header.ts';
import { readSymbols, type DefinedSymbol, type ElfSymbols } from '../domain/elf/symbols.ts';
import { isErrnoException } from '../domain/errors.ts';
import { findLibraries } from '../domain/libraries/find.ts';
import type { FoundLibrary } from '../domain/libraries/found-library.ts';
import { listTree, type TreeEntry } from '../io/files.ts';

/** An ELF file of the release, with the facts that matter for loading it. */
export interface ScannedElf {
  /** Release path. */
  readonly path: string;
  readonly file: ElfFile;
  readonly symbols: ElfSymbols;
  /** Defined symbols by name. */
  readonly definitions: ReadonlyMap<string, readonly DefinedSymbol[]>;
  readonly libraries: readonly FoundLibrary[];
}

export interface ScannedEntry extends TreeEntry {
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  /** Target of a symbolic link. */
  readonly target?: string;
  readonly elf?: ScannedElf;
  /** Set for a file that starts like ELF but cannot be parsed. */
  readonly elfError?: ElfError;
  /** Set for a file that the audit may not read. */
  readonly unreadable?: boolean;
}

/** Files open at the same time: enough to keep the disk busy with little memory. */
const CONCURRENCY = 8;

/**
 * Reads every entry below `root` once, in the order of paths. Calls `visit` for each with its bytes, which it does
 * not keep.
 */
export async function scanTree(
  root: string,
  visit: (entry: ScannedEntry, bytes: Buffer) => void,
): Promise<ScannedEntry[]> {
  const entries = await listTree(root);
  const scanned: ScannedEntry[] = [];
  for (let start = 0; start < entries.length; start += CONCURRENCY) {
    const batch = await Promise.all(
      entries.slice(start, start + CONCURRENCY).map((entry) => scanEntry(root, entry)),
    );
    for (const { entry, bytes } of batch) {
      visit(entry, bytes);
      scanned.push(entry);
    }
  }
  return scanned;
}

const EMPTY = Buffer.alloc(0);

async function scanEntry(
  root: string,
  entry: TreeEntry,
): Promise<{ readonly entry: ScannedEntry; readonly bytes: Buffer }> {
  const file = path.join(root, entry.path);
  const mode = (await lstat(file)).mode & 0o7777;
  if (entry.kind === 'symlink')
    return { entry: { ...entry, mode, target: await readlink(file) }, bytes: EMPTY };
  if (entry.kind !== 'file') return { entry: { ...entry, mode }, bytes: EMPTY };
  try {
    const bytes = await readFile(file);
    return { entry: { ...entry, mode, ...scanElf(entry.path, bytes) }, bytes };
  } catch (error) {
    if (isErrnoException(error, 'EACCES'))
      return { entry: { ...entry, mode, unreadable: true }, bytes: EMPTY };
    throw error;
  }
}

function scanElf(file: string, bytes: Buffer): { readonly elf?: ScannedElf; readonly elfError?: ElfError } {
  if (!isElf(bytes)) return {};
  try {
    const elf = readElf(bytes);
    const symbols = readSymbols(bytes, elf);
    const definitions = indexByName(symbols.defined);
    const libraries = findLibraries({ bytes, elf, defines: (symbol) => definitions.has(symbol) });
    return { elf: { path: file, file: elf, symbols, definitions, libraries } };
  } catch (error) {
    if (error instanceof ElfError) return { elfError: error };
    throw error;
  }
}

function indexByName(symbols: readonly DefinedSymbol[]): Map<string, DefinedSymbol[]> {
  const index = new Map<string, DefinedSymbol[]>();
  for (const symbol of symbols) {
    const same = index.get(symbol.name);
    if (same === undefined) index.set(symbol.name, [symbol]);
    else same.push(symbol);
  }
  return index;
}
