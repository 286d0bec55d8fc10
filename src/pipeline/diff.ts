import { compareVulnerabilities } from '../domain/advisories/comparison.ts';
import type { DiffResult } from '../domain/results.ts';
import { diffTarballs, readManifestFromTarball } from '../pack/inspect.ts';
import { lookUpManifest, type LookUp } from './advisories.ts';

export interface DiffOptions {
  /** Where to look up which known vulnerabilities come and go; nowhere unless told. */
  readonly lookUp?: LookUp | undefined;
  readonly signal: AbortSignal;
}

/** What differs between two release tarballs. Throws what `diffTarballs` and `lookUpManifest` do. */
export async function diffFiles(
  from: string,
  to: string,
  { lookUp, signal }: DiffOptions,
): Promise<DiffResult> {
  const differences = await diffTarballs(from, to);
  if (lookUp === undefined) return differences;
  const before = await lookUpManifest(await readManifestFromTarball(from), lookUp, signal);
  const after = await lookUpManifest(await readManifestFromTarball(to), lookUp, signal);
  return { ...differences, vulnerabilities: compareVulnerabilities(before, after) };
}
