import { ElfError, sliceOf } from './bytes.ts';
import { dynamicValue, Tag, type Dynamic, type ElfFile } from './file.ts';
import { fileExtent } from './header.ts';

/** Bytes of an entry of the dynamic symbol table. */
export const SYMBOL_SIZE = 24;

const RELOCATION_SIZE = 24;

/**
 * Number of entries in the dynamic symbol table. `DT_HASH` contains it; `DT_GNU_HASH` gives the last hashed symbol,
 * which is the last one in the table. If it hashes none, only symbols in relocations matter.
 */
export function countSymbols(bytes: Buffer, elf: ElfFile, dynamic: Dynamic): number {
  const at = (tag: number): Buffer | undefined => {
    const address = dynamicValue(dynamic, tag);
    if (address === undefined) return undefined;
    const extent = fileExtent(elf, address);
    if (extent === undefined) throw new ElfError('a hash table is not in any segment');
    return sliceOf(bytes, extent, 'a hash table');
  };
  const hash = at(Tag.hash);
  if (hash !== undefined) return sliceOf(hash, { offset: 0, size: 8 }, 'a hash table').readUInt32LE(4);
  const gnuHash = at(Tag.gnuHash);
  const hashed = gnuHash === undefined ? undefined : countHashed(gnuHash);
  return hashed ?? countRelocated(bytes, elf, dynamic);
}

/** Layout: bucket count, first hashed symbol, bloom words (8 bytes each), shift; then bloom filter, buckets, chains. */
function countHashed(table: Buffer): number | undefined {
  const header = sliceOf(table, { offset: 0, size: 16 }, 'a hash table');
  const bucketCount = header.readUInt32LE(0);
  const firstHashed = header.readUInt32LE(4);
  const bucketsAt = 16 + header.readUInt32LE(8) * 8;
  const buckets = sliceOf(table, { offset: bucketsAt, size: bucketCount * 4 }, 'the hash buckets');
  let last = 0;
  for (let at = 0; at < buckets.length; at += 4) last = Math.max(last, buckets.readUInt32LE(at));
  if (last < firstHashed || last === 0) return undefined;
  const chainsAt = bucketsAt + buckets.length;
  for (; ; last += 1) {
    const link = sliceOf(table, { offset: chainsAt + (last - firstHashed) * 4, size: 4 }, 'a hash chain');
    if ((link.readUInt32LE(0) & 1) === 1) return last + 1;
  }
}

function countRelocated(bytes: Buffer, elf: ElfFile, dynamic: Dynamic): number {
  let last = 0;
  for (const [table, size] of [
    [Tag.relocations, Tag.relocationsSize],
    [Tag.jumpRelocations, Tag.jumpRelocationsSize],
  ] as const) {
    const address = dynamicValue(dynamic, table);
    const extent = address === undefined ? undefined : fileExtent(elf, address);
    if (extent === undefined) continue;
    const wanted = { offset: extent.offset, size: dynamicValue(dynamic, size) ?? 0 };
    const relocations = sliceOf(bytes, wanted, 'the relocations');
    for (let at = 0; at + RELOCATION_SIZE <= relocations.length; at += RELOCATION_SIZE) {
      last = Math.max(last, relocations.readUInt32LE(at + 12));
    }
  }
  return last + 1;
}
