import { collectContent } from './entry.ts';

/** Reads a stream of bytes in pieces of the requested lengths. */
export interface ByteReader {
  /** The next `length` bytes, fewer at the end of the stream. Read all of them before you take more. */
  pass(length: number): AsyncGenerator<Buffer>;
  /** The same, as one buffer. */
  take(length: number): Promise<Buffer>;
  /** Closes the stream, even if it was not read to its end. */
  close(): Promise<void>;
}

export function readBytes(source: AsyncGenerator<Buffer>): ByteReader {
  let chunk: Buffer = Buffer.alloc(0);
  const pass = async function* (length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (chunk.length === 0) {
        const next = await source.next();
        if (next.done === true) return;
        chunk = next.value;
      }
      const piece = chunk.subarray(0, left);
      chunk = chunk.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  };
  return {
    pass,
    take: (length) => collectContent(pass(length)),
    async close() {
      await source.return(undefined);
    },
  };
}
