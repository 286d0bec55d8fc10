import { dynamicValue, stringTable, Tag, type DynamicEntry, type ElfFile } from '../domain/elf/file.ts';
import { SegmentType, type Segment } from '../domain/elf/header.ts';

const SEGMENT_HEADER_SIZE = 56;
const READABLE_WRITABLE = 6;
const SECTION_TYPE_STRINGS = 3;
const SECTION_TYPE_DYNAMIC = 6;

/**
 * Sets `DT_RPATH` in a longer dynamic section and string table, in a new segment at the end of the file. Its program
 * header replaces that of a note (`PT_NOTE`), which nothing needs at run time; undefined if the file has none. The
 * loader uses only program headers; section headers are updated for debuggers.
 */
export function appendRpath(bytes: Buffer, elf: ElfFile, rpath: string): Buffer | undefined {
  const { dynamic } = elf;
  const note = elf.segments.findLast((segment) => segment.type === SegmentType.note);
  if (dynamic === undefined || note === undefined) return undefined;

  const oldStrings = stringTable(bytes, dynamic);
  const strings = Buffer.concat([oldStrings, Buffer.from(`${rpath}\0`)]);
  const kept = dynamic.entries.filter((entry) => entry.tag !== Tag.rpath && entry.tag !== Tag.runpath);
  const sectionSize = (kept.length + 2) * 16;
  const place = placeAtEnd(bytes, elf, sectionSize + strings.length);
  const stringsAddress = place.address + sectionSize;
  const section = Buffer.concat([
    ...kept.map((entry) =>
      copyEntry(bytes, entry, { [Tag.stringTable]: stringsAddress, [Tag.stringTableSize]: strings.length }),
    ),
    encodeEntry(Tag.rpath, oldStrings.length),
    encodeEntry(Tag.null, 0),
  ]);

  const result = Buffer.concat([bytes, Buffer.alloc(place.offset - bytes.length), section, strings]);
  const dynamicExtent = {
    offset: place.offset,
    address: place.address,
    fileSize: sectionSize,
    memorySize: sectionSize,
  };
  const segments = elf.segments
    .filter((segment) => segment !== note)
    .map((segment) => (segment.type === SegmentType.dynamic ? { ...segment, ...dynamicExtent } : segment));
  writeSegments(result, elf, [...segments, place]);
  moveSections(result, elf, {
    dynamic: { from: dynamicAddress(elf), to: place.address, offset: place.offset, size: sectionSize },
    strings: {
      from: dynamicValue(dynamic, Tag.stringTable) ?? 0,
      to: stringsAddress,
      offset: place.offset + sectionSize,
      size: strings.length,
    },
  });
  return result;
}

/**
 * A segment after all others in file and memory; address and offset are congruent modulo the page size, as required.
 */
function placeAtEnd(bytes: Buffer, elf: ElfFile, size: number): Segment {
  const loads = elf.segments.filter((segment) => segment.type === SegmentType.load);
  const alignment = Math.max(0x1000, ...loads.map((segment) => segment.alignment));
  const end = Math.max(...loads.map((segment) => segment.address + segment.memorySize));
  const offset = roundUp(bytes.length, 16);
  const address = roundUp(end, alignment) + (offset % alignment);
  return {
    type: SegmentType.load,
    flags: READABLE_WRITABLE,
    offset,
    address,
    fileSize: size,
    memorySize: size,
    alignment,
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function dynamicAddress(elf: ElfFile): number {
  return elf.segments.find((segment) => segment.type === SegmentType.dynamic)?.address ?? 0;
}

function copyEntry(bytes: Buffer, entry: DynamicEntry, changes: Readonly<Record<number, number>>): Buffer {
  const value = changes[entry.tag];
  return value === undefined
    ? bytes.subarray(entry.offset, entry.offset + 16)
    : encodeEntry(entry.tag, value);
}

function encodeEntry(tag: number, value: number): Buffer {
  const entry = Buffer.alloc(16);
  entry.writeBigInt64LE(BigInt(tag), 0);
  entry.writeBigUInt64LE(BigInt(value), 8);
  return entry;
}

function writeSegments(bytes: Buffer, elf: ElfFile, segments: readonly Segment[]): void {
  for (const [index, segment] of segments.entries()) {
    const at = elf.programHeaders.offset + index * elf.programHeaders.entrySize;
    bytes.fill(0, at, at + SEGMENT_HEADER_SIZE);
    bytes.writeUInt32LE(segment.type, at);
    bytes.writeUInt32LE(segment.flags, at + 4);
    const { offset, address, fileSize, memorySize, alignment } = segment;
    for (const [index64, value] of [offset, address, address, fileSize, memorySize, alignment].entries()) {
      bytes.writeBigUInt64LE(BigInt(value), at + 8 + index64 * 8);
    }
  }
}

interface Move {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly size: number;
}

function moveSections(
  bytes: Buffer,
  elf: ElfFile,
  moves: { readonly dynamic: Move; readonly strings: Move },
): void {
  const { offset, entrySize, count } = elf.sectionHeaders;
  if (entrySize < 64 || offset + count * entrySize > bytes.length) return;
  for (let at = offset; at < offset + count * entrySize; at += entrySize) {
    const type = bytes.readUInt32LE(at + 4);
    const move =
      type === SECTION_TYPE_DYNAMIC
        ? moves.dynamic
        : type === SECTION_TYPE_STRINGS
          ? moves.strings
          : undefined;
    if (move === undefined || bytes.readBigUInt64LE(at + 16) !== BigInt(move.from)) continue;
    for (const [index, value] of [move.to, move.offset, move.size].entries()) {
      bytes.writeBigUInt64LE(BigInt(value), at + 16 + index * 8);
    }
  }
}
