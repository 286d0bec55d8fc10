import { z } from 'zod';
import { buildRecordSchema } from './build-record.ts';
import type { Sha256 } from './digest.ts';
import { digestSchema } from './digest-schema.ts';

/*
 * A shared build cache is a directory of files, which any static web server can serve:
 *
 *   builds/KEY.json          the record of the artifact with this build key, in a signed envelope
 *   artifacts/DIGEST.tar.gz  an artifact, compressed; the digest is that of this file
 *
 * The record names the file and the artifact inside by size and digest, so its signature covers everything.
 */

/** Payload type of the envelope of a record. It makes a signature of anything else by the same key worthless here. */
export const SHARED_RECORD_TYPE = 'application/vnd.ksbundle.build-record.v1+json';

/** Limit for an envelope, in bytes; ten times what two keys need. */
export const LARGEST_ENVELOPE = 1 << 16;

const schema = z.object({
  ...buildRecordSchema.shape,
  file: z.object({ sha256: digestSchema, size: z.int().nonnegative() }),
});

/** A build record, and the compressed file that contains its artifact. */
export type SharedRecord = z.infer<typeof schema>;

/** Path of a record's envelope in a shared cache. */
export function envelopePath(key: Sha256): string {
  return `builds/${key}.json`;
}

/** Path of a compressed artifact in a shared cache. */
export function artifactPath(file: Sha256): string {
  return `artifacts/${file}.tar.gz`;
}

/** Parses the payload of an envelope; undefined if it is something else. */
export function parseSharedRecord(payload: Buffer): SharedRecord | undefined {
  try {
    return schema.safeParse(JSON.parse(payload.toString())).data;
  } catch {
    return undefined;
  }
}

export function formatSharedRecord(record: SharedRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}
