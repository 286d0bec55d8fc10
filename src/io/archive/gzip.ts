import { promisify } from 'node:util';
import { crc32, deflateRaw } from 'node:zlib';

const deflate = promisify<Buffer, { level: number }, Buffer>(deflateRaw);

/** Bytes of content in one member. Part of the format: another size gives other, equally valid bytes. */
const MEMBER_SIZE = 4 << 20;
/** Members compressed at the same time, on libuv's thread pool. */
const AT_ONCE = 2;

/** RFC 1952: deflate, no flags, no time, no extra flags, made on Unix; nothing that differs between machines. */
export const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

/**
 * Compresses to gzip with a member for every 4 MiB, which gzip, tar and busybox read as one file and which can be
 * compressed side by side. The bytes depend on content and level, and on the version of zlib that this Node brings
 * (Chromium's): another Node may compress the same content to other bytes. What must compare across Node versions
 * is the content's digest.
 */
export async function* gzipMembers(
  content: AsyncIterable<Uint8Array>,
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

async function compressMember(content: Buffer, level: number): Promise<Buffer> {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length, 4);
  return Buffer.concat([GZIP_HEADER, await deflate(content, { level }), trailer]);
}

/** The same bytes in pieces of exactly `size`, the last one shorter; one empty piece for no content. */
async function* inPieces(content: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(size);
  let filled = 0;
  let yielded = false;
  for await (const chunk of content) {
    for (let offset = 0; offset < chunk.length;) {
      const part = chunk.subarray(offset, offset + size - filled);
      piece.set(part, filled);
      filled += part.length;
      offset += part.length;
      if (filled < size) continue;
      yield piece;
      yielded = true;
      piece = Buffer.allocUnsafe(size);
      filled = 0;
    }
  }
  if (filled > 0 || !yielded) yield piece.subarray(0, filled);
}
