import { collectContent } from './entry.ts';

/** Takes a stream of bytes apart into pieces of wanted lengths, one after the other. */
export interface ByteReader {
  /** The next `length` bytes, to be read to their end before more is taken; fewer where the stream ends. */
  pass(length: number): AsyncGenerator<Buffer>;
  /** The same as one piece. */
  take(length: number): Promise<Buffer>;
  /** Ends the stream, also before all of it was read. */
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
