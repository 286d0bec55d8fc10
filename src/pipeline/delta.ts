import os from 'node:os';
import { asTask, type Emit } from '../domain/events.ts';
import type { ApplyResult, DeltaResult } from '../domain/results.ts';
import { findHostTools } from '../host/find.ts';
import { ZSTD } from '../host/tools.ts';
import type { Confinement } from '../io/confinement.ts';
import { withTemporaryDirectory } from '../io/files.ts';
import { applyDelta } from '../pack/delta/apply.ts';
import { readVerifyingKeys } from './keys.ts';
import { makeDelta, type Destination } from '../pack/delta/make.ts';
import { confine } from './confinement.ts';

interface Reporting {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Makes a delta between two tarballs, with the host's zstd. Throws what `makeDelta` throws. */
export async function deltaFiles(
  oldFile: string,
  newFile: string,
  options: Omit<Destination, 'confinement'> & Reporting,
): Promise<DeltaResult> {
  await findHostTools({ tools: [ZSTD], signal: options.signal });
  return asTask(options, { task: 'delta', title: 'delta' }, async () => ({
    outcome: 'done',
    value: await shutIn(options, (confinement) => makeDelta(oldFile, newFile, { ...options, confinement })),
  }));
}

/**
 * Makes the new tarball from an old one and a delta, with the host's zstd. Throws what `readVerifyingKeys` and
 * `applyDelta` throw.
 */
export async function applyFile(
  oldFile: string,
  delta: string,
  {
    keys: files,
    ...options
  }: Omit<Destination, 'confinement'> & Reporting & { readonly keys: readonly string[] },
): Promise<ApplyResult> {
  await findHostTools({ tools: [ZSTD], signal: options.signal });
  const keys = await readVerifyingKeys(files);
  return asTask(options, { task: 'apply', title: 'apply' }, async () => ({
    outcome: 'done',
    value: await shutIn(options, (confinement) =>
      applyDelta(oldFile, delta, { ...options, keys, confinement }),
    ),
  }));
}

async function shutIn<T>(options: Reporting, work: (confinement: Confinement) => Promise<T>): Promise<T> {
  return withTemporaryDirectory(os.tmpdir(), async (root) => work(await confine({ ...options, root })));
}
