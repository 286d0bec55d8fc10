import { ElfError, readString, sliceOf } from './bytes.ts';
import { dynamicValue, stringTable, Tag, type Dynamic, type ElfFile } from './file.ts';
import { fileExtent } from './header.ts';
import { countSymbols, SYMBOL_SIZE } from './symbol-count.ts';
import { readVersions, type RequiredVersion, type VersionTables } from './versions.ts';

/** A symbol that a file uses and expects other objects to define. */
export interface UndefinedSymbol {
  readonly name: string;
  /** Version it was linked against, and its library; absent for an unversioned reference. */
  readonly version?: string;
  readonly library?: string;
  /** May stay undefined. */
  readonly weak: boolean;
}

/** A symbol that a file exports. */
export interface DefinedSymbol {
  readonly name: string;
  readonly version?: string;
  /** Whether unversioned references bind to this version if there are several. */
  readonly default: boolean;
}

export interface ElfSymbols {
  readonly undefined: readonly UndefinedSymbol[];
  readonly defined: readonly DefinedSymbol[];
  /** Versions the loader checks before it looks at any symbol. */
  readonly requiredVersions: readonly RequiredVersion[];
  readonly definedVersions: readonly string[];
}

const NONE: ElfSymbols = { undefined: [], defined: [], requiredVersions: [], definedVersions: [] };

const Binding = { global: 1, weak: 2, unique: 10 } as const;
/** Visibilities (`st_other`) of exported symbols: default and protected. */
const VISIBLE = new Set([0, 3]);
const HIDDEN_VERSION = 0x8000;

/** Reads the dynamic symbols with their versions; nothing for object files and static programs. */
export function readSymbols(bytes: Buffer, elf: ElfFile): ElfSymbols {
  const { dynamic } = elf;
  if (dynamic === undefined) return NONE;
  const versions = readVersions(bytes, elf, dynamic);
  const undefinedSymbols: UndefinedSymbol[] = [];
  const defined: DefinedSymbol[] = [];
  for (const symbol of readTable(bytes, elf, dynamic)) {
    if (symbol.section === 0) undefinedSymbols.push(asUndefined(symbol, versions));
    else if (symbol.visible) defined.push(asDefined(symbol, versions));
  }
  return {
    undefined: undefinedSymbols,
    defined,
    requiredVersions: [...versions.required.values()],
    definedVersions: [...versions.defined.values()],
  };
}

interface RawSymbol {
  readonly name: string;
  readonly weak: boolean;
  readonly visible: boolean;
  /** Index of the section it is defined in; 0 if undefined. */
  readonly section: number;
  readonly version: number;
  readonly hiddenVersion: boolean;
}

function* readTable(bytes: Buffer, elf: ElfFile, dynamic: Dynamic): Generator<RawSymbol> {
  const address = dynamicValue(dynamic, Tag.symbolTable);
  const extent = address === undefined ? undefined : fileExtent(elf, address);
  if (extent === undefined) throw new ElfError('the dynamic section names no symbol table');
  const count = countSymbols(bytes, elf, dynamic);
  const table = sliceOf(bytes, { offset: extent.offset, size: count * SYMBOL_SIZE }, 'the symbol table');
  const versions = readVersionIndexes(bytes, elf, { dynamic, count });
  const strings = stringTable(bytes, dynamic);
  for (let index = 1; index < count; index += 1) {
    const at = index * SYMBOL_SIZE;
    const binding = table.readUInt8(at + 4) >> 4;
    if (binding !== Binding.global && binding !== Binding.weak && binding !== Binding.unique) continue;
    const version = versions?.readUInt16LE(index * 2) ?? 1;
    yield {
      name: readString(strings, table.readUInt32LE(at)),
      weak: binding === Binding.weak,
      visible: VISIBLE.has(table.readUInt8(at + 5) & 3),
      section: table.readUInt16LE(at + 6),
      version: version & ~HIDDEN_VERSION,
      hiddenVersion: (version & HIDDEN_VERSION) !== 0,
    };
  }
}

function readVersionIndexes(
  bytes: Buffer,
  elf: ElfFile,
  of: { readonly dynamic: Dynamic; readonly count: number },
): Buffer | undefined {
  const address = dynamicValue(of.dynamic, Tag.symbolVersions);
  if (address === undefined) return undefined;
  const extent = fileExtent(elf, address);
  if (extent === undefined) throw new ElfError('the table of symbol versions is not in any segment');
  return sliceOf(bytes, { offset: extent.offset, size: of.count * 2 }, 'the table of symbol versions');
}

function asUndefined(symbol: RawSymbol, versions: VersionTables): UndefinedSymbol {
  const required = versions.required.get(symbol.version);
  return {
    name: symbol.name,
    weak: symbol.weak,
    ...(required === undefined ? {} : { version: required.version, library: required.library }),
  };
}

/** A program's copy of a library's variable carries the version that it requires of the library. */
function asDefined(symbol: RawSymbol, versions: VersionTables): DefinedSymbol {
  const version = versions.defined.get(symbol.version) ?? versions.required.get(symbol.version)?.version;
  return { name: symbol.name, default: !symbol.hiddenVersion, ...(version === undefined ? {} : { version }) };
}
