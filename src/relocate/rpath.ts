import { readElf, stringTable, Tag, type Dynamic, type ElfFile } from '../domain/elf/file.ts';
import { readSymbols } from '../domain/elf/symbols.ts';
import { appendRpath } from './elf-append.ts';
import { wantedRpath } from './rpath-value.ts';

/** What became of an ELF file's RPATH. */
export type RpathChange =
  /** It had the right one, or needs none: object files and static programs. */
  | { readonly kind: 'unchanged' }
  /** Overwritten where it stood. */
  | { readonly kind: 'overwritten'; readonly rpath: string; readonly bytes: Buffer }
  /** Put into a new segment, for want of room. */
  | { readonly kind: 'added'; readonly rpath: string; readonly bytes: Buffer }
  /** No room: libraries are found through the RPATH of the program that loads it. */
  | { readonly kind: 'inherited' };

/**
 * Gives an ELF file, at the release path `file`, the RPATH it is to have, as `DT_RPATH`: unlike `DT_RUNPATH` that is
 * also searched for what its libraries need. Throws an `ElfError` for a file that `readElf` refuses.
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
 * Some linkers merge strings with a common end, so another name may be the tail of the one to overwrite: it is, unless
 * the table has it as a string of its own.
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
  // Where both stand, the loader looks at DT_RUNPATH only, so its string is the one that counts.
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
