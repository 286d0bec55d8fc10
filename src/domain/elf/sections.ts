import type { ElfHeader } from './header.ts';

/** Offset of `e_shstrndx` in the file header. */
const NAMES_INDEX = 62;
const SECTION_SIZE = 64;

/** The bytes of a section; undefined if it does not exist or the section table, which no loader reads, is invalid. */
export function sectionNamed(bytes: Buffer, { sectionHeaders }: ElfHeader, name: string): Buffer | undefined {
  const { offset, entrySize, count } = sectionHeaders;
  if (offset === 0 || entrySize < SECTION_SIZE || offset + count * entrySize > bytes.length) return undefined;
  const headerOf = (index: number): Buffer =>
    bytes.subarray(offset + index * entrySize, offset + (index + 1) * entrySize);
  const namesIndex = bytes.readUInt16LE(NAMES_INDEX);
  if (namesIndex >= count) return undefined;
  const names = contentOf(bytes, headerOf(namesIndex));
  const wanted = Buffer.from(`${name}\0`, 'latin1');
  for (let index = 0; index < count; index += 1) {
    const header = headerOf(index);
    const at = header.readUInt32LE(0);
    if (names.subarray(at, at + wanted.length).equals(wanted)) return contentOf(bytes, header);
  }
  return undefined;
}

function contentOf(bytes: Buffer, header: Buffer): Buffer {
  const start = Number(header.readBigUInt64LE(24));
  return bytes.subarray(start, start + Number(header.readBigUInt64LE(32)));
}
