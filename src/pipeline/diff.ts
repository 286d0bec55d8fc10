import { compareReleases } from '../domain/comparison.ts';
import { compareVulnerabilities } from '../domain/advisories/comparison.ts';
import type { DiffResult } from '../domain/results.ts';
import { readManifestFromTarball, releaseOf } from '../pack/inspect.ts';
import { openLookUp, type LookUp } from './advisories.ts';

export interface DiffOptions {
  /** Database to look up added and removed vulnerabilities in; none by default. */
  readonly lookUp?: LookUp | undefined;
  readonly signal: AbortSignal;
}

/** The differences between two release tarballs. Throws what `readManifestFromTarball` and `openLookUp` throw. */
export async function diffFiles(
  from: string,
  to: string,
  { lookUp, signal }: DiffOptions,
): Promise<DiffResult> {
  const [before, after] = [await readManifestFromTarball(from), await readManifestFromTarball(to)];
  const { parts, files } = compareReleases(before, after);
  const identical = parts.length === 0;
  const differences = { from: releaseOf(from), to: releaseOf(to), identical, parts, files };
  if (lookUp === undefined) return differences;
  const report = await openLookUp([before, after], lookUp, signal);
  return { ...differences, vulnerabilities: compareVulnerabilities(report(before), report(after)) };
}
