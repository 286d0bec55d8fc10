import { asTask, type Emit } from '../domain/events.ts';
import type { ApplyResult, DeltaResult } from '../domain/results.ts';
import { findHostTools } from '../host/find.ts';
import { ZSTD } from '../host/tools.ts';
import { applyDelta, type ApplyOptions } from '../pack/delta/apply.ts';
import { makeDelta, type Destination } from '../pack/delta/make.ts';

interface Reporting {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Makes a delta between two tarballs, with the host's zstd. Throws what `makeDelta` does. */
export async function deltaFiles(
  oldFile: string,
  newFile: string,
  options: Destination & Reporting,
): Promise<DeltaResult> {
  await findHostTools({ tools: [ZSTD], signal: options.signal });
  return asTask(options, { task: 'delta', title: 'delta' }, async () => ({
    outcome: 'done',
    value: await makeDelta(oldFile, newFile, options),
  }));
}

/** Makes the new tarball of an old one and a delta, with the host's zstd. Throws what `applyDelta` does. */
export async function applyFile(
  oldFile: string,
  delta: string,
  options: ApplyOptions & Reporting,
): Promise<ApplyResult> {
  await findHostTools({ tools: [ZSTD], signal: options.signal });
  return asTask(options, { task: 'apply', title: 'apply' }, async () => ({
    outcome: 'done',
    value: await applyDelta(oldFile, delta, options),
  }));
}
