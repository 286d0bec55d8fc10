import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** Bytes to read at once. */
const PIECE = 4 << 20;
/** Milliseconds between two checks of the size. */
const INTERVAL = 5;

export interface Growth {
  /** Settles when writing has ended. */
  readonly writing: Promise<unknown>;
  /** Limit for the size of the file, in bytes. */
  readonly most: number;
  /** The error for a larger file. */
  readonly exceeded: () => Error;
}

/** The bytes of a file while another process writes it. Throws the error of `exceeded`. */
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
    // Checked before the size: bytes that are added between the two checks are read in the next round.
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
