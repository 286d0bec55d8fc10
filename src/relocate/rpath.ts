import { readElf, stringTable, Tag, type Dynamic, type ElfFile } from '../domain/elf/file.ts';
import { readSymbols } from '../domain/elf/symbols.ts';
import { appendRpath } from './elf-append.ts';
import { wantedRpath } from './rpath-value.ts';

/** The result for an ELF file's RPATH. */
export type RpathChange =
  /** It was right, or is not needed: object files and static programs. */
  | { readonly kind: 'unchanged' }
  /** Overwritten in place. */
  | { readonly kind: 'overwritten'; readonly rpath: string; readonly bytes: Buffer }
  /** Written to a new segment, for lack of room. */
  | { readonly kind: 'added'; readonly rpath: string; readonly bytes: Buffer }
  /** No room: the RPATH of the loading program finds libraries. */
  | { readonly kind: 'inherited' };

/**
 * Sets the right RPATH for an ELF file at the release path `file`, as `DT_RPATH`: unlike `DT_RUNPATH`, it also applies
 * to its libraries' needs. Throws an `ElfError` for a file that `readElf` refuses.
 */
export function relocateElf(bytes: Buffer, file: string): RpathChange {
  const elf = readElf(bytes);
  const { dynamic } = elf;
  if (dynamic === undefined) return { kind: 'unchanged' };
  const current = dynamic.runpath ?? dynamic.rpath;
  const rpath = wantedRpath(file, current);
  if (current === rpath && dynamic.runpath === undefined) return { kind: 'unchanged' };
  if (current !== undefined && (current === rpath || isOverwritable(bytes, elf, { current, rpath }))) {
    return { kind: 'overwritten', rpath, bytes: overwriteRpath(bytes, dynamic, rpath) };
  }
  const appended = appendRpath(bytes, elf, rpath);
  return appended === undefined ? { kind: 'inherited' } : { kind: 'added', rpath, bytes: appended };
}

/**
 * Some linkers merge strings with a common end: another name may be the tail of the one to overwrite, unless the table
 * has a separate string for it.
 */
function isOverwritable(
  bytes: Buffer,
  elf: ElfFile,
  change: { readonly current: string; readonly rpath: string },
): boolean {
  const { dynamic } = elf;
  if (dynamic === undefined || Buffer.byteLength(change.rpath) > Buffer.byteLength(change.current))
    return false;
  const table = stringTable(bytes, dynamic);
  const symbols = readSymbols(bytes, elf);
  const names = [
    ...(dynamic.soname === undefined ? [] : [dynamic.soname]),
    ...dynamic.needed,
    ...symbols.undefined.map(({ name }) => name),
    ...symbols.defined.map(({ name }) => name),
    ...symbols.requiredVersions.map(({ version }) => version),
    ...symbols.definedVersions,
  ];
  return !names.some(
    (name) => name !== '' && change.current.endsWith(name) && !table.includes(`\0${name}\0`),
  );
}

/** Writes the string over the old one, NUL-padded, and turns `DT_RUNPATH` into `DT_RPATH`. */
function overwriteRpath(bytes: Buffer, dynamic: Dynamic, rpath: string): Buffer {
  const result = Buffer.from(bytes);
  const entries = dynamic.entries.filter(({ tag }) => tag === Tag.rpath || tag === Tag.runpath);
  // If both exist, the loader uses only DT_RUNPATH, so its string counts.
  const value = (entries.findLast(({ tag }) => tag === Tag.runpath) ?? entries.at(-1))?.value ?? 0;
  const start = dynamic.strings.offset + value;
  result.fill(0, start, result.indexOf(0, start));
  result.write(rpath, start);
  for (const { offset } of entries) {
    result.writeBigInt64LE(BigInt(Tag.rpath), offset);
    result.writeBigInt64LE(BigInt(value), offset + 8);
  }
  return result;
}
