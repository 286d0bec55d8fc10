/**
 * A file that cannot be read as ELF: it is `malformed`, or its class, byte order, machine or type is `unsupported`. The
 * message says which.
 */
export class ElfError extends Error {
  readonly kind: 'malformed' | 'unsupported';

  constructor(message: string, kind: ElfError['kind'] = 'malformed') {
    super(message);
    this.name = 'ElfError';
    this.kind = kind;
  }
}

/** Maximum length of a name: limits the cost of hostile string tables. */
const MAX_STRING = 65_535;

/** The `size` bytes from `offset`; throws an `ElfError` that names `what` if the file is shorter. */
export function sliceOf(
  bytes: Buffer,
  extent: { readonly offset: number; readonly size: number },
  what: string,
): Buffer {
  const { offset, size } = extent;
  const end = offset + size;
  if (offset < 0 || size < 0 || end > bytes.length) {
    throw new ElfError(`truncated: ${what} is at ${offset}…${end}, the file ends at ${bytes.length}`);
  }
  return bytes.subarray(offset, end);
}

/** Reads an unsigned 64-bit number; throws unless it is a safe integer, as in real files. */
export function readUint64(bytes: Buffer, offset: number): number {
  const high = bytes.readUInt32LE(offset + 4);
  if (high >= 1 << 21) throw new ElfError('a 64-bit offset or size is out of range');
  return high * 2 ** 32 + bytes.readUInt32LE(offset);
}

/** Reads a signed 64-bit number; inexact beyond 53 bits, which no real tag, size or address needs. */
export function readInt64(bytes: Buffer, offset: number): number {
  return bytes.readInt32LE(offset + 4) * 2 ** 32 + bytes.readUInt32LE(offset);
}

/** The NUL-terminated string at `offset` of a string table. */
export function readString(table: Buffer, offset: number): string {
  const end = offset >= 0 && offset < table.length ? table.indexOf(0, offset) : -1;
  if (end === -1)
    throw new ElfError(`a name at ${offset} lies outside the string table of ${table.length} bytes`);
  if (end - offset > MAX_STRING) throw new ElfError(`a name at ${offset} is longer than ${MAX_STRING} bytes`);
  return table.toString('utf8', offset, end);
}
