import { damagedArchive } from './archive/entry.ts';
import type { Confinement } from './confinement.ts';
import { programOutput } from './program-output.ts';

/*
 * The host's zstd makes and reads patches: frames compressed with the old file as prefix. See `--patch-from` in
 * zstd(1), since 1.4.5.
 */

const WHY = 'to make and to apply deltas';
const MIB = 2 ** 20;

export interface PatchToMake {
  /** Absolute paths. */
  readonly from: string;
  readonly to: string;
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/** A patch from the file `from` to the file `to`. Throws `KSB_HOST_TOOL_MISSING`. */
export function encodePatch({ from, to, confinement, signal }: PatchToMake): AsyncGenerator<Buffer> {
  return programOutput(['zstd', '--quiet', '--stdout', `--patch-from=${from}`, '--', to], {
    why: WHY,
    failed: (reason) => new Error(`zstd: ${reason}`),
    confinement,
    readable: [from, to],
    signal,
  });
}

export interface PatchToApply {
  /** Absolute path. */
  readonly from: string;
  readonly patch: string;
  /** New temporary file. */
  readonly spool: string;
  /** The name of the patch in errors. */
  readonly name: string;
  /** Bytes of the result; also zstd's limit of memory. */
  readonly size: number;
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies a patch to the file `from`. Throws `KSB_ARCHIVE_DAMAGED`, also for a result of another size,
 * `KSB_HOST_TOOL_MISSING`, and the spool file's error for a full disk.
 */
export async function* decodePatch({
  from,
  patch,
  spool,
  name,
  size,
  confinement,
  signal,
}: PatchToApply): AsyncGenerator<Buffer> {
  const memory = `--memory=${Math.ceil(size / MIB)}MiB`;
  const output = programOutput(
    ['zstd', '--quiet', '--decompress', '--stdout', memory, `--patch-from=${from}`],
    {
      input: patch,
      spool: { file: spool, most: size },
      why: WHY,
      failed: (reason) => damagedArchive(name, reason),
      confinement,
      readable: [from],
      signal,
    },
  );
  let left = size;
  for await (const chunk of output) {
    left -= chunk.length;
    yield chunk;
  }
  if (left > 0) throw damagedArchive(name, `${left} of the ${size} bytes that it declares are missing`);
}
