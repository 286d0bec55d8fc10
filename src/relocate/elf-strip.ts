import { readString, readUint64, sliceOf } from '../domain/elf/bytes.ts';
import { readHeader, type ElfHeader } from '../domain/elf/header.ts';

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
/** Section types (`sh_type`) and flags (`sh_flags`) of the gABI. */
const NO_BITS = 8;
const ALLOCATED = 2;

/** Sections that only debuggers read: debug information, the full symbol table, notes of annobin plugins. */
const DEBUGGING = /^\.(?:symtab|strtab|z?debug_.+|gnu\.build\.attributes.*|gnu_debuglink)$/u;

/**
 * Removes debug information and the full symbol table from a program or library: no loader maps them, and wheels have
 * megabytes of them. Mapped bytes and their addresses do not change. Undefined if there is nothing to remove, or if it
 * is not after all loaded bytes. Throws an `ElfError` for a file that `readHeader` refuses.
 */
export function stripElf(bytes: Buffer): Buffer | undefined {
  const header = readHeader(bytes);
  if (header.kind === 'relocatable') return undefined;
  const sections = readSections(bytes, header);
  const kept = sections.filter(({ name, allocated }) => allocated || !DEBUGGING.test(name));
  // Symbols refer to loaded sections by number, so these must keep theirs.
  const lastAllocated = sections.findLastIndex(({ allocated }) => allocated);
  const firstTaken = sections.findIndex((section) => !kept.includes(section));
  if (firstTaken === -1 || firstTaken < lastAllocated) return undefined;
  const end = endOfLoaded(header, sections);
  if (sections.some(({ allocated, offset, size }) => !allocated && size > 0 && offset < end))
    return undefined;

  const numbers = new Map(kept.map(({ number }, index) => [number, index]));
  const parts = [bytes.subarray(0, end)];
  let length = end;
  const append = (part: Buffer): number => {
    const padding = Buffer.alloc((8 - (length % 8)) % 8);
    const start = length + padding.length;
    parts.push(padding, part);
    length = start + part.length;
    return start;
  };
  const headers = kept.map((section) => {
    const entry = Buffer.from(section.header);
    if (section.allocated || section.size === 0) return entry;
    entry.writeBigUInt64LE(BigInt(append(bytes.subarray(section.offset, section.offset + section.size))), 24);
    return entry;
  });
  const table = append(Buffer.concat(headers));
  const result = Buffer.concat(parts);
  result.writeBigUInt64LE(BigInt(table), 40);
  result.writeUInt16LE(kept.length, 60);
  result.writeUInt16LE(numbers.get(result.readUInt16LE(62)) ?? 0, 62);
  return result;
}

interface Section {
  readonly number: number;
  readonly name: string;
  readonly header: Buffer;
  readonly allocated: boolean;
  readonly offset: number;
  /** Bytes in the file. */
  readonly size: number;
}

/** The sections of a file; empty without a readable section table. */
function readSections(bytes: Buffer, { sectionHeaders }: ElfHeader): Section[] {
  const { offset, entrySize, count } = sectionHeaders;
  if (count === 0 || entrySize !== SECTION_HEADER_SIZE) return [];
  const table = sliceOf(bytes, { offset, size: count * entrySize }, 'the section headers');
  const headers = Array.from({ length: count }, (_, number) =>
    table.subarray(number * entrySize, (number + 1) * entrySize),
  );
  const names = headers[bytes.readUInt16LE(62)];
  if (names === undefined) return [];
  const strings = sliceOf(bytes, extentOf(names), 'the names of sections');
  return headers.map((header, number) => ({
    number,
    name: number === 0 ? '' : readString(strings, header.readUInt32LE(0)),
    header,
    allocated: (readUint64(header, 8) & ALLOCATED) !== 0,
    ...extentOf(header),
  }));
}

function extentOf(header: Buffer): { readonly offset: number; readonly size: number } {
  const size = header.readUInt32LE(4) === NO_BITS ? 0 : readUint64(header, 32);
  return { offset: readUint64(header, 24), size };
}

/** End of the last loaded byte in the file. */
function endOfLoaded({ segments, programHeaders }: ElfHeader, sections: readonly Section[]): number {
  return Math.max(
    HEADER_SIZE,
    programHeaders.offset + segments.length * programHeaders.entrySize,
    ...segments.map(({ offset, fileSize }) => offset + fileSize),
    ...sections.map(({ allocated, offset, size }) => (allocated ? offset + size : 0)),
  );
}
