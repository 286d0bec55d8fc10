import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Site } from './site.ts';

/** The files that SHA256SUMS of a site's release lists, in its order. */
export async function listedFiles({ machine, release }: Site): Promise<string[]> {
  const text = await readFile(path.join(machine.root, release, 'SHA256SUMS'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(66));
}

/** A change of one bit in a file of a release; an empty file gets a byte instead. */
export interface Flip {
  readonly file: string;
  /** From 0, the beginning, to 1, the end; the middle by default. */
  readonly place?: number;
  /** Mask to XOR with the byte; by default, it changes the case of a letter. */
  readonly mask?: number;
}

/** Changes the file in place, and returns a function that undoes it. */
export async function flip(
  { machine, release }: Site,
  { file, place = 0.5, mask = 0x20 }: Flip,
): Promise<() => Promise<void>> {
  const absolute = path.join(machine.root, release, file);
  const handle = await open(absolute, 'r+');
  try {
    const { size } = await handle.stat();
    const position = Math.min(Math.floor(place * size), Math.max(0, size - 1));
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, position);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ mask]), 0, 1, position);
    return async () => {
      const again = await open(absolute, 'r+');
      try {
        await again.write(byte, 0, 1, position);
        await again.truncate(size);
      } finally {
        await again.close();
      }
    };
  } finally {
    await handle.close();
  }
}
