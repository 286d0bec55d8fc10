/** What a tar says about one entry; all else in its header is fixed. */
export interface TarEntry {
  /** Raw name, as bytes of UTF-8; a directory's ends with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** A symbolic link's target; for other kinds empty. */
  readonly target: string;
}

const TAR_BLOCK = 512;

/** The two zero blocks that end a tar. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);

const TYPE_FLAGS = { file: '0', directory: '5', symlink: '2' } as const;
const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;
/** Largest number that eleven octal digits hold: 8 GiB less one. */
const LARGEST_SIZE = 8 ** 11 - 1;

/**
 * Encodes the header of one entry: POSIX ustar, owner 0:0 without names. Names that do not fit get GNU's long-name
 * entry before them (`L`, `K`), not a pax header: GNU tar, bsdtar, Python and busybox all read it, while busybox
 * skips pax headers. Throws a `RangeError` from 8 GiB on.
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

/** Zero bytes that fill up the last block of `size` bytes of content. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

/** Splits at the first `/` that leaves a name and a prefix that fit; undefined if there is none. */
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

/** Offsets and widths: POSIX.1-2017, pax, "ustar Interchange Format". */
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
