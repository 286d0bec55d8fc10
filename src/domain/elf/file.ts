import { ElfError, readInt64, readString, sliceOf } from './bytes.ts';
import { fileExtent, readHeader, SegmentType, type ElfHeader } from './header.ts';

/** Tags of the dynamic section (`d_tag`) that are used here; from the gABI and from GNU extensions. */
export const Tag = {
  null: 0,
  needed: 1,
  hash: 4,
  stringTable: 5,
  symbolTable: 6,
  relocations: 7,
  relocationsSize: 8,
  stringTableSize: 10,
  soname: 14,
  rpath: 15,
  debug: 21,
  jumpRelocations: 23,
  jumpRelocationsSize: 2,
  runpath: 29,
  relr: 36,
  gnuHash: 0x6ffffef5,
  symbolVersions: 0x6ffffff0,
  versionDefinitions: 0x6ffffffc,
  versionDefinitionCount: 0x6ffffffd,
  versionNeeds: 0x6ffffffe,
  versionNeedCount: 0x6fffffff,
} as const;

export interface DynamicEntry {
  readonly tag: number;
  readonly value: number;
  /** Offset of the entry in the file. */
  readonly offset: number;
}

/** The dynamic section, which the loader reads. */
export interface Dynamic {
  /** The entries before the `DT_NULL` that ends them. */
  readonly entries: readonly DynamicEntry[];
  /** Offset of the string table in the file. */
  readonly strings: { readonly offset: number; readonly size: number };
  readonly needed: readonly string[];
  readonly soname?: string;
  /** Values of `DT_RPATH` and `DT_RUNPATH`. */
  readonly rpath?: string;
  readonly runpath?: string;
}

export interface ElfFile extends ElfHeader {
  /** The loader that a program requests. */
  readonly interpreter?: string;
  /** Absent in object files and static programs. */
  readonly dynamic?: Dynamic;
}

const ENTRY_SIZE = 16;

/**
 * Reads what the loader reads: headers, interpreter and dynamic section, but no sections. Throws an `ElfError` for
 * anything but a valid 64-bit little-endian file for x86_64 or aarch64.
 */
export function readElf(bytes: Buffer): ElfFile {
  const header = readHeader(bytes);
  const interpreter = readInterpreter(bytes, header);
  const dynamic = readDynamic(bytes, header);
  return {
    ...header,
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(dynamic === undefined ? {} : { dynamic }),
  };
}

/** The value of the first entry with this tag. */
export function dynamicValue(dynamic: Dynamic, tag: number): number | undefined {
  return dynamic.entries.find((entry) => entry.tag === tag)?.value;
}

/** The dynamic string table's bytes. */
export function stringTable(bytes: Buffer, dynamic: Dynamic): Buffer {
  return sliceOf(bytes, dynamic.strings, 'the dynamic string table');
}

function readInterpreter(bytes: Buffer, header: ElfHeader): string | undefined {
  const segment = header.segments.find((one) => one.type === SegmentType.interpreter);
  if (segment === undefined) return undefined;
  return readString(sliceOf(bytes, { offset: segment.offset, size: segment.fileSize }, 'the interpreter'), 0);
}

function readDynamic(bytes: Buffer, header: ElfHeader): Dynamic | undefined {
  const segment = header.segments.find((one) => one.type === SegmentType.dynamic);
  if (segment === undefined || segment.fileSize === 0) return undefined;
  const section = sliceOf(bytes, { offset: segment.offset, size: segment.fileSize }, 'the dynamic section');
  const entries = readEntries(section, segment.offset);
  const end = entries.findIndex((entry) => entry.tag === Tag.null);
  if (end === -1) throw new ElfError('the dynamic section has no end');
  const live = entries.slice(0, end);
  const valuesOf = (tag: number): number[] =>
    live.filter((entry) => entry.tag === tag).map((entry) => entry.value);
  const [address] = valuesOf(Tag.stringTable);
  const extent = address === undefined ? undefined : fileExtent(header, address);
  if (extent === undefined) throw new ElfError('the dynamic section names no string table');
  const [size = extent.size] = valuesOf(Tag.stringTableSize);
  const strings = { offset: extent.offset, size };
  const table = sliceOf(bytes, strings, 'the dynamic string table');
  const lastString = (tag: number): string | undefined => {
    const value = valuesOf(tag).at(-1);
    return value === undefined ? undefined : readString(table, value);
  };
  const [soname, rpath, runpath] = [lastString(Tag.soname), lastString(Tag.rpath), lastString(Tag.runpath)];
  return {
    entries: live,
    strings,
    needed: valuesOf(Tag.needed).map((value) => readString(table, value)),
    ...(soname === undefined ? {} : { soname }),
    ...(rpath === undefined ? {} : { rpath }),
    ...(runpath === undefined ? {} : { runpath }),
  };
}

function readEntries(section: Buffer, offset: number): DynamicEntry[] {
  const entries: DynamicEntry[] = [];
  for (let at = 0; at + ENTRY_SIZE <= section.length; at += ENTRY_SIZE) {
    entries.push({ tag: readInt64(section, at), value: readInt64(section, at + 8), offset: offset + at });
  }
  return entries;
}
