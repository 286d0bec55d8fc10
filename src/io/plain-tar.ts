import { open } from 'node:fs/promises';

/** POSIX.1-1988 and later. */
const MAGIC = Buffer.from('ustar');
const MAGIC_AT = 257;

/** Whether a file is a tar that is not compressed, by the mark in its first header. */
export async function isPlainTar(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, MAGIC_AT);
    return buffer.equals(MAGIC);
  } finally {
    await handle.close();
  }
}
