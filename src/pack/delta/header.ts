import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Sha256 } from '../../domain/digest.ts';
import { digestSchema } from '../../domain/digest-schema.ts';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import type { KeyKind } from '../../domain/manifest.ts';
import { hashBytes } from '../../io/files.ts';

/*
 * A delta is a zstd file: a skippable frame (RFC 8878, section 3.1.2), which names the two releases, and the frame
 * that `zstd --patch-from` writes for their tars.
 */

/** One side of a delta. The tar inside identifies a release: signing and compressing do not change it. */
export interface DeltaSide {
  /** Name of the directory that the release unpacks to. */
  readonly release: string;
  readonly tarSha256: Sha256;
  /** Bytes. */
  readonly tarSize: number;
}

export interface DeltaHeader {
  readonly format: 1;
  readonly from: DeltaSide;
  readonly to: DeltaSide & {
    /** Digest of the tarball with its signature. */
    readonly sha256: Sha256;
    /** The gzip members at the start of the tarball that contain its signatures, in base64. */
    readonly leading?: string;
    /** Signature of the whole tarball (the file `.sig` beside it), in base64. */
    readonly signature?: string;
    /** The same for the file `.mldsa.sig`. */
    readonly mlDsaSignature?: string;
  };
  /** Compression of the new release's tar. */
  readonly gzip: { readonly level: number; readonly zlib: string };
}

/** The field of the header for the signature of each kind of key. */
export const SIGNATURE_FIELDS = { ecdsa: 'signature', 'ml-dsa': 'mlDsaSignature' } as const;

export type SignatureField = (typeof SIGNATURE_FIELDS)[KeyKind];

const MAGIC = 0x184d2a50;
const PREFIX_SIZE = 8;
/** The largest part of a header is the leading member, up to 64 KiB. */
const LARGEST = 1 << 18;
/** The largest window of zstd, and so the size of the largest tar that can be patched. */
const LARGEST_TAR = 2 ** 31;

const side = z.strictObject({
  // It becomes part of a file name.
  release: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/u),
  tarSha256: digestSchema,
  tarSize: z.int().positive().max(LARGEST_TAR),
});
const schema = z.strictObject({
  format: z.literal(1),
  from: side,
  to: side.extend({
    sha256: digestSchema,
    leading: z.base64().optional(),
    signature: z.base64().optional(),
    mlDsaSignature: z.base64().optional(),
  }),
  gzip: z.strictObject({ level: z.int().min(1).max(9), zlib: z.string() }),
});

/** The skippable frame at the start of a delta: the digest of a line of JSON, and that line. */
export function encodeHeader(header: DeltaHeader): Buffer {
  const json = JSON.stringify(header);
  const text = Buffer.from(`${hashBytes(json)}\n${json}\n`);
  const prefix = Buffer.alloc(PREFIX_SIZE);
  prefix.writeUInt32LE(MAGIC, 0);
  prefix.writeUInt32LE(text.length, 4);
  return Buffer.concat([prefix, text]);
}

/** Reads the header of a delta. Throws `KSB_NOT_A_DELTA`. */
export async function readHeader(file: string): Promise<DeltaHeader> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PREFIX_SIZE + LARGEST));
    const length = bytesRead < PREFIX_SIZE ? 0 : buffer.readUInt32LE(4);
    if (bytesRead < PREFIX_SIZE + length || length === 0 || buffer.readUInt32LE(0) !== MAGIC)
      throw notADelta(file, 'it does not start with the header of a delta');
    return parseHeader(file, buffer.toString('utf8', PREFIX_SIZE, PREFIX_SIZE + length));
  } finally {
    await handle.close();
  }
}

function parseHeader(file: string, text: string): DeltaHeader {
  const [digest, json = ''] = text.split('\n');
  try {
    const parsed = schema.safeParse(JSON.parse(json));
    if (parsed.success && digest === hashBytes(json)) return parsed.data as DeltaHeader;
  } catch {
    // It is not JSON, which is reported as a damaged header.
  }
  throw notADelta(file, 'its header is damaged, or was written by a newer ksbundle');
}

function notADelta(file: string, why: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_NOT_A_DELTA',
    exitCode: ExitCode.integrity,
    message: `${file} is not a delta of ksbundle`,
    why,
    hint: 'make one with: ksbundle delta OLD NEW; to apply it, name the old tarball first: ksbundle apply OLD DELTA',
  });
}
