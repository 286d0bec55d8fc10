import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw, type ZlibOptions } from 'node:zlib';
import { isErrnoException } from '../../domain/errors.ts';
import { damagedArchive } from './entry.ts';

const deflate = promisify<Buffer, ZlibOptions, Buffer>(deflateRaw);

/** Bytes of content in one member. Part of the format: another size gives other, equally valid bytes. */
const MEMBER_SIZE = 4 << 20;
/** zlib's output buffers, whose usual 16 KiB would return to the main thread for each: a member, and most of one compressed. */
const INFLATED_CHUNK = MEMBER_SIZE + 1;
const DEFLATED_CHUNK = MEMBER_SIZE / 4;
/** Members compressed or decompressed at the same time, on libuv's thread pool. */
const AT_ONCE = 2;

/** RFC 1952: deflate, no flags, no time, no extra flags, made on Unix; nothing that differs between machines. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/**
 * Compresses to gzip with a member for every 4 MiB, which gzip, tar and busybox read as one file and which can be
 * compressed side by side. The bytes depend on content and level, and on the version of zlib that this Node brings
 * (Chromium's): another Node may compress the same content to other bytes. What must compare across Node versions
 * is the content's digest.
 */
export async function* gzipMembers(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Buffer> {
  const members: Promise<Buffer>[] = [];
  for await (const piece of inPieces(content, MEMBER_SIZE)) {
    const member = compressMember(piece, level);
    // Awaited later: a failure must not count as unhandled before.
    member.catch(() => undefined);
    members.push(member);
    if (members.length > AT_ONCE) yield await (members.shift() as Promise<Buffer>);
  }
  for (const member of members) yield await member;
}

/** CRC-32 and length of the content. */
const TRAILER_SIZE = 8;

/** `info` is documented for the streams' one-shot forms, but missing in their types. */
const inflate = promisify(inflateRaw) as unknown as (
  bytes: Buffer,
  options: ZlibOptions & { readonly info: true },
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>;

/** Deflate adds at most a few bytes to each 16 KiB that it cannot compress. */
const WINDOW = MEMBER_SIZE + (1 << 16);

/** A member that is being decompressed. */
interface OpenMember {
  readonly offset: number;
  /** Where the next member seems to begin, by its header; content may look like one, so that only the end of this one tells. */
  readonly guess: number | undefined;
  readonly result: Promise<{ readonly content: Buffer; readonly end: number }>;
}

/**
 * The content of what `gzipMembers` wrote from the byte `start` of a file on, member by member, where every byte
 * counts: fixed headers, checksums, full members but for the last, and nothing after that. Two members are decompressed at a
 * time. Throws `KSB_ARCHIVE_DAMAGED` with the offset.
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

/** Most content that one stored block holds. */
const STORED_SIZE = 0xffff;
/** Header of the only and last block of a member, which is stored: RFC 1951, section 3.2.4. */
const STORED_HEADER_SIZE = 5;

/**
 * Wraps up to 64 KiB in a gzip member without compressing it: its bytes are the same under every version of zlib.
 * `gzipMembers` never begins with such a member, as what it is given begins with a tar's zeros.
 */
export function storedMember(content: Uint8Array): Buffer {
  if (content.length > STORED_SIZE) throw new RangeError(`${content.length} bytes are too many to be stored`);
  const block = Buffer.alloc(STORED_HEADER_SIZE);
  block.writeUInt8(1, 0);
  block.writeUInt16LE(content.length, 1);
  block.writeUInt16LE(content.length ^ STORED_SIZE, 3);
  return Buffer.concat([HEADER, block, content, trailerOf(content)]);
}

/** The content of the member that begins at the byte `start` of a file, if that is byte for byte one of `storedMember`. */
export async function readStoredMember(file: string, start: number): Promise<Buffer | undefined> {
  const handle = await open(file);
  try {
    const overhead = HEADER.length + STORED_HEADER_SIZE + TRAILER_SIZE;
    const largest = STORED_SIZE + overhead;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(largest), 0, largest, start);
    const begin = HEADER.length + STORED_HEADER_SIZE;
    // Compressed members, the payload's, begin otherwise.
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

/** The same bytes in pieces of exactly `size`, the last one shorter; one empty piece for no content. A chunk that is one is not copied. */
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
