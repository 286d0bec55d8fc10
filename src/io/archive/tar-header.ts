import type { ByteReader } from './byte-reader.ts';
import { damagedArchive } from './entry.ts';

/** The variable fields of a tar entry. All other fields of its header are fixed. */
export interface TarEntry {
  /** Raw name, as bytes of UTF-8. The name of a directory ends with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Target of a symbolic link; empty for other kinds. */
  readonly target: string;
}

const TAR_BLOCK = 512;

/** The two zero blocks at the end of a tar. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);

const TYPE_FLAGS = { file: '0', directory: '5', symlink: '2' } as const;
const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;
/** Largest number that fits into eleven octal digits: one byte less than 8 GiB. */
const LARGEST_SIZE = 8 ** 11 - 1;
/** Largest accepted length of a long name or target, in bytes. Linux allows paths of up to 4096 bytes. */
const LONGEST_NAME = 1 << 16;

/**
 * Encodes the header of one entry: POSIX ustar, owner 0:0 without names. If a name does not fit, a GNU long-name entry
 * (`L`, `K`) comes before it, not a pax header: GNU tar, bsdtar, Python and busybox all read it, but busybox skips pax
 * headers. Throws a `RangeError` for 8 GiB or more.
 */
export function encodeTarHeader(entry: TarEntry): Buffer {
  if (entry.size > LARGEST_SIZE)
    throw new RangeError(`${entry.path}: ${entry.size} bytes are too many for ustar`);
  const path = Buffer.from(entry.path);
  const target = Buffer.from(entry.target);
  const split = splitName(path);
  return Buffer.concat([
    ...(split === undefined ? [encodeLongName('L', path)] : []),
    ...(target.length > NAME_LENGTH ? [encodeLongName('K', target)] : []),
    encodeBlock({
      name: split?.name ?? path.subarray(0, NAME_LENGTH),
      prefix: split?.prefix ?? Buffer.alloc(0),
      typeFlag: TYPE_FLAGS[entry.kind],
      mode: entry.mode,
      size: entry.size,
      mtime: entry.mtime,
      target: target.subarray(0, NAME_LENGTH),
    }),
  ]);
}

/**
 * Reads the header of the next entry of a tar. Returns undefined at a zero block, the first of the two at the end.
 * Throws `KSB_ARCHIVE_DAMAGED` if `encodeTarHeader` would encode the entry differently, even if tar would accept it.
 */
export async function readTarHeader(tar: ByteReader, name: string): Promise<TarEntry | undefined> {
  let block = await tar.take(TAR_BLOCK);
  if (block.equals(ZERO_BLOCK)) return undefined;
  const found: Buffer[] = [block];
  const readLongName = async (typeFlag: 'L' | 'K'): Promise<string | undefined> => {
    if (textField(block, 156, 1) !== typeFlag) return undefined;
    const size = Math.min(octalField(block, 124, 11), LONGEST_NAME);
    const long = await tar.take(size + tarPadding(size).length);
    block = await tar.take(TAR_BLOCK);
    found.push(long, block);
    return textField(long, 0, size);
  };
  const longPath = await readLongName('L');
  const longTarget = await readLongName('K');
  const prefix = textField(block, 345, PREFIX_LENGTH);
  const path = longPath ?? `${prefix === '' ? '' : `${prefix}/`}${textField(block, 0, NAME_LENGTH)}`;
  const kind = path.endsWith('/') ? 'directory' : textField(block, 156, 1) === '2' ? 'symlink' : 'file';
  const entry: TarEntry = {
    path,
    kind,
    mode: octalField(block, 100, 7) & 0o7777,
    size: kind === 'file' ? octalField(block, 124, 11) : 0,
    mtime: octalField(block, 136, 11),
    target: kind === 'symlink' ? (longTarget ?? textField(block, 157, NAME_LENGTH)) : '',
  };
  if (Buffer.concat(found).equals(encodeTarHeader(entry))) return entry;
  throw damagedArchive(name, `the header of ${JSON.stringify(path)} differs from what ksbundle writes`);
}

const ZERO_BLOCK = Buffer.alloc(TAR_BLOCK);

function textField(bytes: Buffer, offset: number, width: number): string {
  return bytes.toString('utf8', offset, offset + width).replace(/\0.*$/su, '');
}

/** The number in a field. Returns 0 for an invalid field, which `encodeTarHeader` would write differently. */
function octalField(bytes: Buffer, offset: number, digits: number): number {
  return Number.parseInt(textField(bytes, offset, digits), 8) || 0;
}

/** Zero bytes that pad `size` bytes of content to a whole block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

/** Splits at the first `/` for which name and prefix fit; undefined if there is none. */
function splitName(path: Buffer): { readonly name: Buffer; readonly prefix: Buffer } | undefined {
  if (path.length <= NAME_LENGTH) return { name: path, prefix: Buffer.alloc(0) };
  const slash = path.indexOf('/', path.length - NAME_LENGTH - 1);
  if (slash <= 0 || slash > PREFIX_LENGTH || slash === path.length - 1) return undefined;
  return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
}

function encodeLongName(typeFlag: 'L' | 'K', name: Buffer): Buffer {
  const size = name.length + 1;
  const block = encodeBlock({
    name: Buffer.from('././@LongLink'),
    prefix: Buffer.alloc(0),
    typeFlag,
    mode: 0,
    size,
    mtime: 0,
    target: Buffer.alloc(0),
  });
  return Buffer.concat([block, name, Buffer.alloc(1), tarPadding(size)]);
}

interface Block {
  readonly name: Buffer;
  readonly prefix: Buffer;
  readonly typeFlag: string;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly target: Buffer;
}

/** Offsets and widths of the fields: POSIX.1-2017, pax, "ustar Interchange Format". */
function encodeBlock(fields: Block): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  const writeOctal = (value: number, offset: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'latin1');
  };
  fields.name.copy(block, 0);
  writeOctal(fields.mode, 100, 7);
  writeOctal(0, 108, 7);
  writeOctal(0, 116, 7);
  writeOctal(fields.size, 124, 11);
  writeOctal(fields.mtime, 136, 11);
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(fields.typeFlag, 156, 'latin1');
  fields.target.copy(block, 157);
  block.write('ustar\u000000', 257, 'latin1');
  writeOctal(0, 329, 7);
  writeOctal(0, 337, 7);
  fields.prefix.copy(block, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
