import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw, type ZlibOptions } from 'node:zlib';
import { isErrnoException } from '../../domain/errors.ts';
import { damagedArchive } from './entry.ts';

const deflate = promisify<Buffer, ZlibOptions, Buffer>(deflateRaw);

/** Content of one member in bytes. It is part of the format: another size gives other, equally valid bytes. */
const MEMBER_SIZE = 4 << 20;
/**
 * Sizes of zlib's output buffers, for a whole member and for most of a compressed one. With the default of 16 KiB, zlib
 * would return to the main thread for each buffer.
 */
const INFLATED_CHUNK = MEMBER_SIZE + 1;
const DEFLATED_CHUNK = MEMBER_SIZE / 4;
/** Members compressed or decompressed at the same time, on libuv's thread pool. */
const AT_ONCE = 2;

/** RFC 1952: deflate, no flags, no time, no extra flags, made on Unix. Nothing in it depends on the machine. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/**
 * Compresses to gzip with one member for every 4 MiB. gzip, tar and busybox read all members as one file, and members
 * can be compressed in parallel. The bytes depend on content, level, and the version of zlib in this Node (Chromium's):
 * another Node may compress the same content to other bytes. To compare across Node versions, compare the digest of the
 * content.
 */
export async function* gzipMembers(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Buffer> {
  const members: Promise<Buffer>[] = [];
  for await (const piece of inPieces(content, MEMBER_SIZE)) {
    const member = compressMember(piece, level);
    // Awaited later: a failure before that must not count as unhandled.
    member.catch(() => undefined);
    members.push(member);
    if (members.length > AT_ONCE) yield await (members.shift() as Promise<Buffer>);
  }
  for (const member of members) yield await member;
}

/** CRC-32 and length of the content. */
const TRAILER_SIZE = 8;

/** `info` is documented for the one-shot functions, but missing in their types. */
const inflate = promisify(inflateRaw) as unknown as (
  bytes: Buffer,
  options: ZlibOptions & { readonly info: true },
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>;

/** Deflate adds at most a few bytes to each 16 KiB of incompressible content. */
const WINDOW = MEMBER_SIZE + (1 << 16);

/** A member that is being decompressed. */
interface OpenMember {
  readonly offset: number;
  /**
   * Offset at which the next member seems to begin, by its header. Content may look like a header, so only the end of
   * this member is reliable.
   */
  readonly guess: number | undefined;
  readonly result: Promise<{ readonly content: Buffer; readonly end: number }>;
}

/**
 * The content of a file that `gzipMembers` wrote, from the byte `start` on, member by member. It checks every byte:
 * fixed headers, checksums, that all members except the last are full, and that nothing follows. Decompresses two
 * members at a time. Throws `KSB_ARCHIVE_DAMAGED` with the offset.
 */
export async function* readGzipMembers(file: string, name: string, start = 0): AsyncGenerator<Buffer> {
  const handle = await open(file);
  const damaged = (offset: number, why: string): Error => damagedArchive(name, `at byte ${offset}: ${why}`);
  const decompress = async (offset: number, body: Buffer): Promise<{ content: Buffer; end: number }> => {
    const options = { info: true, chunkSize: INFLATED_CHUNK, maxOutputLength: MEMBER_SIZE } as const;
    const { buffer: content, engine } = await inflate(body, options).catch((error: unknown) => {
      throw isErrnoException(error) ? damaged(offset, error.message) : error;
    });
    const trailer = body.subarray(engine.bytesWritten, engine.bytesWritten + TRAILER_SIZE);
    if (!trailer.equals(trailerOf(content))) throw damaged(offset, 'the checksum does not match the content');
    return { content, end: offset + HEADER.length + engine.bytesWritten + TRAILER_SIZE };
  };
  const openMember = async (offset: number): Promise<OpenMember> => {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(WINDOW), 0, WINDOW, offset);
    const window = buffer.subarray(0, bytesRead);
    if (!window.subarray(0, HEADER.length).equals(HEADER)) {
      const why =
        offset === start ? 'not the gzip header of a release' : 'bytes that are not part of the release';
      throw damaged(offset, why);
    }
    const next = window.indexOf(HEADER, HEADER.length);
    const result = decompress(offset, window.subarray(HEADER.length));
    // Awaited later, or never if the guess was wrong: a failure must not count as unhandled.
    result.catch(() => undefined);
    return { offset, guess: next === -1 ? undefined : offset + next, result };
  };
  try {
    const { size } = await handle.stat();
    if (size <= start) throw damaged(start, 'the file ends here');
    for (let member = await openMember(start); ;) {
      const ahead = member.guess === undefined ? undefined : await openMember(member.guess);
      const { content, end } = await member.result;
      yield content;
      if (end >= size) return;
      if (content.length !== MEMBER_SIZE) throw damaged(end, 'bytes that are not part of the release');
      member = ahead?.offset === end ? ahead : await openMember(end);
    }
  } finally {
    await handle.close();
  }
}

/** Largest content of one stored block, in bytes. */
const STORED_SIZE = 0xffff;
/** Size of the header of a stored block: RFC 1951, section 3.2.4. The member contains only this block. */
const STORED_HEADER_SIZE = 5;

/**
 * Wraps up to 64 KiB in a gzip member without compressing it. Its bytes are the same under every version of zlib.
 * `gzipMembers` never starts with such a member, because its input is a tar, whose zeros can be compressed.
 */
export function storedMember(content: Uint8Array): Buffer {
  if (content.length > STORED_SIZE) throw new RangeError(`${content.length} bytes are too many to be stored`);
  const block = Buffer.alloc(STORED_HEADER_SIZE);
  block.writeUInt8(1, 0);
  block.writeUInt16LE(content.length, 1);
  block.writeUInt16LE(content.length ^ STORED_SIZE, 3);
  return Buffer.concat([HEADER, block, content, trailerOf(content)]);
}

/** The content of the member at the byte `start` of a file, if `storedMember` would write the same bytes. */
export async function readStoredMember(file: string, start: number): Promise<Buffer | undefined> {
  const handle = await open(file);
  try {
    const overhead = HEADER.length + STORED_HEADER_SIZE + TRAILER_SIZE;
    const largest = STORED_SIZE + overhead;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(largest), 0, largest, start);
    const begin = HEADER.length + STORED_HEADER_SIZE;
    // The compressed members of the payload begin differently.
    if (bytesRead < overhead || buffer[HEADER.length] !== 1) return undefined;
    const content = buffer.subarray(begin, begin + buffer.readUInt16LE(HEADER.length + 1));
    const member = storedMember(content);
    return buffer.subarray(0, bytesRead).subarray(0, member.length).equals(member) ? content : undefined;
  } finally {
    await handle.close();
  }
}

function trailerOf(content: Uint8Array): Buffer {
  const trailer = Buffer.alloc(TRAILER_SIZE);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length, 4);
  return trailer;
}

async function compressMember(content: Buffer, level: number): Promise<Buffer> {
  return Buffer.concat([
    HEADER,
    await deflate(content, { level, chunkSize: DEFLATED_CHUNK }),
    trailerOf(content),
  ]);
}

/**
 * The same bytes in pieces of exactly `size`; the last one may be shorter. Empty content gives one empty piece. A chunk
 * of exactly that size is not copied.
 */
async function* inPieces(content: Parameters<typeof gzipMembers>[0], size: number): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(size);
  let filled = 0;
  let yielded = false;
  for await (const chunk of content) {
    for (let offset = 0; offset < chunk.length;) {
      const part = chunk.subarray(offset, offset + size - filled);
      offset += part.length;
      if (part.length === size) {
        yield Buffer.from(part.buffer, part.byteOffset, size);
        yielded = true;
        continue;
      }
      piece.set(part, filled);
      filled += part.length;
      if (filled < size) continue;
      yield piece;
      yielded = true;
      piece = Buffer.allocUnsafe(size);
      filled = 0;
    }
  }
  if (filled > 0 || !yielded) yield piece.subarray(0, filled);
}
