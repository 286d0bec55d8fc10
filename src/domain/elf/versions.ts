import { ElfError, readString, sliceOf } from './bytes.ts';
import { dynamicValue, stringTable, Tag, type Dynamic, type ElfFile } from './file.ts';
import { fileExtent } from './header.ts';

/** A symbol version that a file needs (`DT_VERNEED`). */
export interface RequiredVersion {
  readonly library: string;
  readonly version: string;
  /** The loader only warns if it is missing. */
  readonly weak: boolean;
}

export interface VersionTables {
  /** By version index, which `DT_VERSYM` has for each symbol. */
  readonly required: ReadonlyMap<number, RequiredVersion>;
  /** By version index, without the base version, which names the file. */
  readonly defined: ReadonlyMap<number, string>;
}

const NEED_SIZE = 16;
const DEFINITION_SIZE = 20;
const FLAG_BASE = 1;
const FLAG_WEAK = 2;
/** A version index has 15 bits. */
const MAX_VERSIONS = 0x7fff;

/** Reads `DT_VERNEED` and `DT_VERDEF` (the Linux Standard Base's symbol versioning). */
export function readVersions(bytes: Buffer, elf: ElfFile, dynamic: Dynamic): VersionTables {
  const strings = stringTable(bytes, dynamic);
  return {
    required: readRequired(tableAt(bytes, elf, dynamicValue(dynamic, Tag.versionNeeds)), strings),
    defined: readDefined(tableAt(bytes, elf, dynamicValue(dynamic, Tag.versionDefinitions)), strings),
  };
}

function tableAt(bytes: Buffer, elf: ElfFile, address: number | undefined): Buffer {
  if (address === undefined) return Buffer.alloc(0);
  const extent = fileExtent(elf, address);
  if (extent === undefined) throw new ElfError('a version table is not in any segment');
  return sliceOf(bytes, extent, 'a version table');
}

function readRequired(table: Buffer, strings: Buffer): Map<number, RequiredVersion> {
  const required = new Map<number, RequiredVersion>();
  for (const need of chain(table, { start: 0, size: NEED_SIZE, next: 12 })) {
    const library = readString(strings, table.readUInt32LE(need + 4));
    const start = need + table.readUInt32LE(need + 8);
    for (const aux of chain(table, { start, size: NEED_SIZE, next: 12 })) {
      const weak = (table.readUInt16LE(aux + 4) & FLAG_WEAK) !== 0;
      const version = readString(strings, table.readUInt32LE(aux + 8));
      addVersion(required, table.readUInt16LE(aux + 6), { library, version, weak });
    }
  }
  return required;
}

function readDefined(table: Buffer, strings: Buffer): Map<number, string> {
  const defined = new Map<number, string>();
  for (const definition of chain(table, { start: 0, size: DEFINITION_SIZE, next: 16 })) {
    if ((table.readUInt16LE(definition + 2) & FLAG_BASE) !== 0) continue;
    const aux = definition + table.readUInt32LE(definition + 12);
    if (aux + 8 > table.length) throw new ElfError('truncated: a version definition');
    addVersion(defined, table.readUInt16LE(definition + 4), readString(strings, table.readUInt32LE(aux)));
  }
  return defined;
}

function addVersion<T>(versions: Map<number, T>, index: number, version: T): void {
  versions.set(index & MAX_VERSIONS, version);
}

/** Offsets of the entries in a chain; each contains the distance to the next. */
function* chain(
  table: Buffer,
  layout: { readonly start: number; readonly size: number; readonly next: number },
): Generator<number> {
  if (table.length === 0) return;
  let at = layout.start;
  for (let count = 0; count <= MAX_VERSIONS; count += 1) {
    if (at + layout.size > table.length) throw new ElfError('truncated: a version table');
    yield at;
    const step = table.readUInt32LE(at + layout.next);
    if (step === 0) return;
    at += step;
  }
  throw new ElfError(`a version table has more than ${MAX_VERSIONS} entries`);
}
