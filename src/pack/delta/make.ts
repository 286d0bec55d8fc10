import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { sha256, type Sha256 } from '../../domain/digest.ts';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { KEY_KINDS } from '../../domain/manifest.ts';
import type { DeltaResult } from '../../domain/results.ts';
import type { Confinement } from '../../io/confinement.ts';
import { explainDiskFull } from '../../io/disk.ts';
import { hashFile } from '../../io/files.ts';
import { writeHashed } from '../../io/hashed.ts';
import { ifThere } from '../../io/if-there.ts';
import { withScratchDirectory } from '../../io/scratch-directory.ts';
import { encodePatch } from '../../io/zstd-patch.ts';
import { RELEASE_LEVEL } from '../pack-release.ts';
import { detachedSignature } from '../signature.ts';
import { encodeHeader, SIGNATURE_FIELDS, type DeltaHeader, type SignatureField } from './header.ts';
import { extractTar, tarballOf } from './tarball.ts';

export interface Destination {
  /** Absolute path of the directory for the result, which gets its default name. */
  readonly directory: string;
  /** Absolute path of the result, instead of its default name. */
  readonly file?: string | undefined;
  /** The confinement of zstd, which reads files made by others. */
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a delta from which `applyDelta`, given `oldFile`, makes the tarball `newFile` byte for byte. It appears
 * complete or not at all. Throws `KSB_DELTA_UNREPRODUCIBLE` if this Node and the one that packed `newFile` compress
 * differently, and
 * `KSB_ARCHIVE_DAMAGED`, `KSB_HOST_TOOL_MISSING` and `KSB_DISK_FULL`.
 */
export async function makeDelta(
  oldFile: string,
  newFile: string,
  { directory, file, confinement, signal }: Destination,
): Promise<DeltaResult> {
  const near = file === undefined ? directory : path.dirname(file);
  return withScratchDirectory(near, async (work) => {
    const inWork = (name: string): string => path.join(work, name);
    const { leading: _, ...from } = await extractTar(oldFile, inWork('old.tar'), signal);
    const { leading, ...to } = await extractTar(newFile, inWork('new.tar'), signal);
    const digest = await requireReproducible(newFile, { leading, tar: inWork('new.tar') });
    const signatures = await readSignatures(newFile);
    const header: DeltaHeader = {
      format: 1,
      from,
      to: {
        ...to,
        sha256: digest,
        ...(leading.length === 0 ? {} : { leading: leading.toString('base64') }),
        ...signatures,
      },
      gzip: { level: RELEASE_LEVEL, zlib: process.versions.zlib },
    };
    await writeHashed(
      inWork('delta'),
      deltaBytes(
        header,
        encodePatch({ from: inWork('old.tar'), to: inWork('new.tar'), confinement, signal }),
      ),
    );
    const target = file ?? path.join(directory, `${to.release}.from.${from.release}.delta`);
    await rename(inWork('delta'), target);
    const { size } = await stat(target);
    return { file: target, size, from: from.release, to: to.release, newSize: (await stat(newFile)).size };
  }).catch((error: unknown) => {
    throw explainDiskFull(error, file ?? directory);
  });
}

/** The signatures beside a tarball, as fields of the header. */
async function readSignatures(file: string): Promise<Partial<Record<SignatureField, string>>> {
  const found: Partial<Record<SignatureField, string>> = {};
  for (const kind of KEY_KINDS) {
    const signature = await ifThere(readFile(detachedSignature(file, kind), 'base64'));
    if (signature !== undefined) found[SIGNATURE_FIELDS[kind]] = signature;
  }
  return found;
}

async function* deltaBytes(header: DeltaHeader, patch: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield encodeHeader(header);
  yield* patch;
}

const READ_SIZE = 1 << 20;

/** Digest of the tarball that this Node makes from its tar. */
async function requireReproducible(
  file: string,
  { leading, tar }: { readonly leading: Buffer; readonly tar: string },
): Promise<Sha256> {
  const hash = createHash('sha256');
  const content = createReadStream(tar, { highWaterMark: READ_SIZE });
  for await (const chunk of tarballOf(leading, content, RELEASE_LEVEL)) hash.update(chunk);
  const made = sha256(hash.digest('hex'));
  if (made === (await hashFile(file))) return made;
  throw new KsbundleError({
    code: 'KSB_DELTA_UNREPRODUCIBLE',
    exitCode: ExitCode.failed,
    message: `cannot make a delta to ${path.basename(file)}: its contents compress to other bytes here`,
    why: `it was packed by another zlib than that of this Node ${process.versions.node} (${process.versions.zlib})`,
    hint: 'run ksbundle delta with the Node that ksbundle build ran with',
  });
}
