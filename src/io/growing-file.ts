import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** Bytes read at once. */
const PIECE = 4 << 20;
/** Milliseconds until the size is looked at again. */
const INTERVAL = 5;

export interface Growth {
  /** Settles when nothing is added any more. */
  readonly writing: Promise<unknown>;
  /** Bytes that the file may come to. */
  readonly most: number;
  /** The error for a file that comes to more. */
  readonly exceeded: () => Error;
}

/** The bytes of a file that somebody else writes, as they come. Throws what `exceeded` makes. */
export async function* readGrowingFile(
  file: FileHandle,
  { writing, most, exceeded }: Growth,
): AsyncGenerator<Buffer> {
  let isWhole = false;
  const settle = (): void => {
    isWhole = true;
  };
  writing.then(settle, settle);
  for (let position = 0; ;) {
    // Before the size: what is added between the two is read in the next round.
    const isLast = isWhole;
    const { size } = await file.stat();
    if (size > most) throw exceeded();
    const length = Math.min(size - position, PIECE);
    if (length === PIECE || (isLast && length > 0)) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    } else if (isLast) return;
    else await setTimeout(INTERVAL);
  }
}
