import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { KsbundleError } from '../domain/errors.ts';
import {
  artifactPath,
  envelopePath,
  formatSharedRecord,
  parseSharedRecord,
  type SharedRecord,
} from '../domain/shared-artifact.ts';
import type { BuildRecord, ContentStore } from '../domain/store.ts';
import { gzipMembers, readGzipMembers } from '../io/archive.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile, writeFileAtomically } from '../io/files.ts';
import { writeHashed } from '../io/hashed.ts';
import { ifThere } from '../io/if-there.ts';

/** gzip level of artifacts, as of tarballs. */
const LEVEL = 6;

export interface ExportOptions {
  /** Absolute path of the shared cache; created if missing. */
  readonly directory: string;
  readonly store: Pick<ContentStore, 'findVerified'>;
  /** Puts a payload into a signed envelope. */
  readonly seal: (payload: Buffer) => Promise<string>;
  /** The payload of an envelope, not verified; undefined if the text is no envelope of a record. */
  readonly peek: (text: string) => Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface Exported extends SharedRecord {
  /** Whether this run wrote the artifact; false if the cache already had it. */
  readonly written: boolean;
}

/**
 * Writes the artifact of a record into a shared cache, then its signed record. Whoever reads the cache meanwhile finds
 * both or none. Returns undefined if the store has no sound artifact. Throws `KSB_DISK_FULL`.
 */
export async function exportArtifact(
  record: BuildRecord,
  options: ExportOptions,
): Promise<Exported | undefined> {
  const content = await options.store.findVerified(record.artifact);
  if (content === undefined) return undefined;
  const { directory, signal } = options;
  try {
    await mkdir(path.join(directory, 'artifacts'), { recursive: true });
    const known = await findWritten(record, options);
    const file = known ?? (await compress(content.path, { directory, signal }));
    const shared: SharedRecord = { ...record, file };
    const envelope = await options.seal(formatSharedRecord(shared));
    await writeFileAtomically(path.join(directory, envelopePath(record.key)), envelope);
    return { ...shared, written: known === undefined };
  } catch (error) {
    throw explainDiskFull(error, directory);
  }
}

/**
 * The compressed file that an earlier export wrote for this artifact. The directory may have been changed since, so the
 * file counts only if it really contains the artifact.
 */
async function findWritten(
  { key, artifact }: BuildRecord,
  { directory, peek }: ExportOptions,
): Promise<SharedRecord['file'] | undefined> {
  const text = await ifThere(readFile(path.join(directory, envelopePath(key)), 'utf8'));
  const payload = text === undefined ? undefined : peek(text);
  const written = payload === undefined ? undefined : parseSharedRecord(payload);
  if (written?.artifact !== artifact) return undefined;
  const file = path.join(directory, artifactPath(written.file.sha256));
  const status = await ifThere(stat(file));
  if (status?.isFile() !== true || (await hashFile(file)) !== written.file.sha256) return undefined;
  const inside = createHash('sha256');
  try {
    for await (const chunk of readGzipMembers(file, path.basename(file))) inside.update(chunk);
  } catch (error) {
    if (error instanceof KsbundleError) return undefined;
    throw error;
  }
  return inside.digest('hex') === artifact ? { sha256: written.file.sha256, size: status.size } : undefined;
}

async function compress(
  artifact: string,
  { directory, signal }: Pick<ExportOptions, 'directory' | 'signal'>,
): Promise<{ readonly sha256: Sha256; readonly size: number }> {
  const temporary = path.join(directory, 'artifacts', `${path.basename(artifact)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { force: true });
    const content = createReadStream(artifact, { highWaterMark: 1 << 20, signal });
    const sha256 = await writeHashed(temporary, gzipMembers(content, LEVEL));
    const { size } = await stat(temporary);
    await rename(temporary, path.join(directory, artifactPath(sha256)));
    return { sha256, size };
  } finally {
    await rm(temporary, { force: true });
  }
}
