import { createHash } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256, type Sha256 } from '../../domain/digest.ts';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { KEY_KINDS } from '../../domain/manifest.ts';
import type { ApplyResult } from '../../domain/results.ts';
import { explainDiskFull } from '../../io/disk.ts';
import { writeHashed } from '../../io/hashed.ts';
import { ifThere } from '../../io/if-there.ts';
import { withScratchDirectory } from '../../io/scratch-directory.ts';
import { decodePatch } from '../../io/zstd-patch.ts';
import type { VerifyingKey } from '../key.ts';
import { detachedSignature } from '../signature.ts';
import { verifyTarball } from '../verify.ts';
import { readHeader, SIGNATURE_FIELDS, type DeltaHeader } from './header.ts';
import type { Destination } from './make.ts';
import { extractTar, tarballOf } from './tarball.ts';

export interface ApplyOptions extends Destination {
  /** Keys that must all have signed the new release; without keys, no signature is checked. */
  readonly keys?: readonly VerifyingKey[];
}

/**
 * Makes the new tarball from the old one and a delta, and its signatures if the delta contains them. The tarball
 * appears complete, with the digest that the delta declares, or not at all. Throws `KSB_NOT_A_DELTA`,
 * `KSB_DELTA_WRONG_BASE`, `KSB_ARCHIVE_DAMAGED` for a damaged delta or old tarball, `KSB_DELTA_OTHER_ZLIB`,
 * `KSB_HOST_TOOL_MISSING`, `KSB_DISK_FULL`, and, with keys, what `verifyTarball` throws.
 */
export async function applyDelta(
  oldFile: string,
  delta: string,
  { directory, file, keys = [], confinement, signal }: ApplyOptions,
): Promise<ApplyResult> {
  const header = await readHeader(delta);
  const { release } = header.to;
  const target = file ?? path.join(directory, `${release}.tar.gz`);
  return withScratchDirectory(path.dirname(target), async (work) => {
    const oldTar = path.join(work, 'old.tar');
    const { tarSha256 } = await extractTar(oldFile, oldTar, signal);
    if (tarSha256 !== header.from.tarSha256) throw wrongBase(oldFile, tarSha256, header);
    const made = path.join(work, path.basename(target));
    const tar = decodePatch({
      from: oldTar,
      patch: delta,
      spool: path.join(work, 'new.tar'),
      name: delta,
      size: header.to.tarSize,
      confinement,
      signal,
    });
    await writeTarball(made, tar, { header, delta });
    if (keys.length > 0) await verifyTarball(made, { keys, signal });
    const signatures = await putInPlace(made, target);
    const { size } = await stat(target);
    return {
      file: target,
      release,
      sha256: header.to.sha256,
      size,
      signatures,
      keys: keys.map(({ id }) => id),
    };
  }).catch((error: unknown) => {
    throw explainDiskFull(error, target);
  });
}

/** Writes the new tarball and the signatures beside it. */
async function writeTarball(
  file: string,
  tar: AsyncIterable<Buffer>,
  { header: { to, gzip }, delta }: { readonly header: DeltaHeader; readonly delta: string },
): Promise<void> {
  const inner = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of tar) {
      inner.update(chunk);
      yield chunk;
    }
  };
  const leading = Buffer.from(to.leading ?? '', 'base64');
  const made = await writeHashed(file, tarballOf(leading, hashed(), gzip.level));
  const contents = sha256(inner.digest('hex'));
  if (contents !== to.tarSha256) throw damagedDelta(delta, to.tarSha256, contents);
  if (made !== to.sha256) throw otherBytes(to.sha256, made, gzip.zlib);
  for (const kind of KEY_KINDS) {
    const signature = to[SIGNATURE_FIELDS[kind]];
    if (signature !== undefined)
      await writeFile(detachedSignature(file, kind), Buffer.from(signature, 'base64'));
  }
}

/** Renames a tarball and its signatures to their final names. Returns the names of the signatures. */
async function putInPlace(made: string, target: string): Promise<string[]> {
  // Removes old signatures first, so that between the renames no signature belongs to another tarball.
  for (const kind of KEY_KINDS) await rm(detachedSignature(target, kind), { force: true });
  await rename(made, target);
  const signatures = [];
  for (const kind of KEY_KINDS) {
    const signature = detachedSignature(target, kind);
    const renamed = rename(detachedSignature(made, kind), signature).then(() => signature);
    if ((await ifThere(renamed)) !== undefined) signatures.push(signature);
  }
  return signatures;
}

function digestLines(expected: Sha256, actual: Sha256): readonly string[] {
  return [`expected sha256:${expected}`, `     got sha256:${actual}`];
}

function wrongBase(oldFile: string, actual: Sha256, { from }: DeltaHeader): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DELTA_WRONG_BASE',
    exitCode: ExitCode.integrity,
    message: `${path.basename(oldFile)} is not the release that the delta was made from`,
    why: `it was made from ${from.release}; the digests are those of the tars inside`,
    details: digestLines(from.tarSha256, actual),
    hint: 'nothing was written; get the tarball that the delta was made from, or a delta for this one',
  });
}

function damagedDelta(delta: string, expected: Sha256, actual: Sha256): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DIGEST_MISMATCH',
    exitCode: ExitCode.integrity,
    message: `${path.basename(delta)} does not produce the release that it declares`,
    details: digestLines(expected, actual),
    hint: 'nothing was written; get the delta again',
  });
}

function otherBytes(expected: Sha256, actual: Sha256, zlib: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DELTA_OTHER_ZLIB',
    exitCode: ExitCode.integrity,
    message: 'the contents are correct, but this machine compresses them to other bytes',
    why: `the tarball was compressed by zlib ${zlib}; this Node ${process.versions.node} has ${process.versions.zlib}`,
    details: digestLines(expected, actual),
    hint: 'nothing was written; use the Node that the delta was made with, or transfer the complete tarball',
  });
}
