import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { sha256, type Sha256 } from '../domain/digest.ts';

/**
 * Writes the bytes of `content` to the new file `file`, durably, and returns its digest. After a failure, the file
 * remains.
 */
export async function writeHashed(file: string, content: AsyncIterable<Uint8Array>): Promise<Sha256> {
  const handle = await open(file, 'wx', 0o644);
  try {
    const hash = createHash('sha256');
    for await (const chunk of content) {
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
    return sha256(hash.digest('hex'));
  } finally {
    await handle.close();
  }
}
