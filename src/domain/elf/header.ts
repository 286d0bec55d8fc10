import { ElfError, readUint64, sliceOf } from './bytes.ts';

/** Segment types (`p_type`) from the gABI and GNU extensions. */
export const SegmentType = { load: 1, dynamic: 2, interpreter: 3, note: 4, gnuStack: 0x6474e551 } as const;

/** Segment flag (`p_flags`): may be executed. */
export const SEGMENT_EXECUTABLE = 1;

export interface Segment {
  readonly type: number;
  readonly flags: number;
  /** Offset in the file. */
  readonly offset: number;
  readonly fileSize: number;
  readonly address: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfHeader {
  /** `e_machine`; see `machineName`. */
  readonly machine: number;
  readonly kind: 'relocatable' | 'executable' | 'shared';
  readonly segments: readonly Segment[];
  /** Offset of the program headers, and their distance. */
  readonly programHeaders: { readonly offset: number; readonly entrySize: number };
  readonly sectionHeaders: { readonly offset: number; readonly entrySize: number; readonly count: number };
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const KINDS = { 1: 'relocatable', 2: 'executable', 3: 'shared' } as const;
const MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 'S/390',
  40: 'Arm',
  62: 'x86_64',
  183: 'aarch64',
  243: 'RISC-V',
  258: 'LoongArch',
};
const READABLE_MACHINES = new Set([62, 183]);

/** The architecture's usual name for a value of `e_machine`. */
export function machineName(machine: number): string {
  return MACHINES[machine] ?? `machine ${machine}`;
}

/** Whether `bytes` begin like an ELF file of any class. */
export function isElf(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/**
 * Reads the file header and the program headers of a 64-bit little-endian file for x86_64 or aarch64. Throws an
 * `ElfError` for any other file.
 */
export function readHeader(bytes: Buffer): ElfHeader {
  if (!isElf(bytes)) throw new ElfError('not an ELF file');
  const header = sliceOf(bytes, { offset: 0, size: HEADER_SIZE }, 'the ELF header');
  if (header.readUInt8(4) !== 2)
    throw new ElfError('a 32-bit ELF file; only 64-bit ones are supported', 'unsupported');
  if (header.readUInt8(5) !== 1)
    throw new ElfError('a big-endian ELF file; only little-endian ones are supported', 'unsupported');
  const machine = header.readUInt16LE(18);
  if (!READABLE_MACHINES.has(machine)) {
    throw new ElfError(
      `an ELF file for ${machineName(machine)}; only x86_64 and aarch64 are supported`,
      'unsupported',
    );
  }
  const type = header.readUInt16LE(16);
  if (type !== 1 && type !== 2 && type !== 3)
    throw new ElfError(`ELF type ${type} is neither a program nor a library`, 'unsupported');
  const programHeaders = { offset: readUint64(header, 32), entrySize: header.readUInt16LE(54) };
  return {
    machine,
    kind: KINDS[type],
    segments: readSegments(bytes, { ...programHeaders, count: header.readUInt16LE(56) }),
    programHeaders,
    sectionHeaders: {
      offset: readUint64(header, 40),
      entrySize: header.readUInt16LE(58),
      count: header.readUInt16LE(60),
    },
  };
}

interface Table {
  readonly offset: number;
  readonly entrySize: number;
  readonly count: number;
}

function readSegments(bytes: Buffer, table: Table): Segment[] {
  if (table.count === 0) return [];
  if (table.entrySize < SEGMENT_SIZE) throw new ElfError(`program headers of ${table.entrySize} bytes`);
  const headers = sliceOf(
    bytes,
    { offset: table.offset, size: table.count * table.entrySize },
    'the program headers',
  );
  return Array.from({ length: table.count }, (_, index) => {
    const at = index * table.entrySize;
    return {
      type: headers.readUInt32LE(at),
      flags: headers.readUInt32LE(at + 4),
      offset: readUint64(headers, at + 8),
      address: readUint64(headers, at + 16),
      fileSize: readUint64(headers, at + 32),
      memorySize: readUint64(headers, at + 40),
      alignment: readUint64(headers, at + 48),
    };
  });
}

/** The file's bytes from `address` to the end of its segment; undefined if no segment contains it. */
export function fileExtent(
  header: ElfHeader,
  address: number,
): { readonly offset: number; readonly size: number } | undefined {
  const segment = header.segments.find(
    (one) => one.type === SegmentType.load && address >= one.address && address < one.address + one.fileSize,
  );
  if (segment === undefined) return undefined;
  const skip = address - segment.address;
  return { offset: segment.offset + skip, size: segment.fileSize - skip };
}
