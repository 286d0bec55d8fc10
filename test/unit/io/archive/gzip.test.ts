import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { collectContent } from '../../../../src/io/archive/entry.ts';
import { gzipMembers, readGzipMembers } from '../../../../src/io/archive.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { factsOf } from '../../../support/errors.ts';

const MEMBER = 4 << 20;

/** Bytes that deflate cannot compress, so that they occur unchanged in the compressed file. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = state >>> 23;
  }
  return bytes;
}

async function compress(content: Buffer): Promise<{ file: string; bytes: Buffer }> {
  const bytes = await collectContent(gzipMembers([content], 6));
  const file = path.join(await temporaryDirectory(), 'content.gz');
  await writeFile(file, bytes);
  return { file, bytes };
}

it('returns content that looks like the start of a member', async () => {
  const content = noise(3 * MEMBER + 1000);
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  for (const offset of [100, 2_000_000, MEMBER + 1, 3 * MEMBER + 10]) header.copy(content, offset);
  const { file, bytes } = await compress(content);
  expect(bytes.indexOf(header, 10)).toBeLessThan(2_000_000);
  const read = await collectContent(readGzipMembers(file, 'content'));
  expect(read.equals(content)).toBe(true);
});

it('reports the position of foreign bytes', async () => {
  const { file, bytes } = await compress(noise(MEMBER + 1000));
  for (const more of [Buffer.from('x'), bytes]) {
    await writeFile(file, Buffer.concat([bytes, more]));
    const { code, why } = await factsOf(collectContent(readGzipMembers(file, 'content')));
    expect({ code, why }).toEqual({
      code: 'KSB_ARCHIVE_DAMAGED',
      why: `at byte ${bytes.length}: bytes that are not part of the release`,
    });
  }
});
