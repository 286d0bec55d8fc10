import { auditAdvisories, readAdvisories } from '../audit/advisories.ts';
import type { AdvisoryReport } from '../domain/advisories/report.ts';
import { subjectOf } from '../domain/advisories/subjects.ts';
import type { Manifest } from '../domain/manifest.ts';
import { listParts, takeInventory } from '../pack/sbom/inventory.ts';

/** A database of advisories to look a release up in. */
export interface LookUp {
  /** Absolute path. */
  readonly database: string;
  /** Days that it may be old. */
  readonly maxAge: number;
}

/**
 * Reads what a database of advisories has about releases. What is returned looks up everything that the bill of materials of one of them
 * lists. Both throw what `readAdvisories` and `auditAdvisories` do.
 */
export async function openLookUp(
  manifests: readonly Manifest[],
  { database, maxAge }: LookUp,
  signal: AbortSignal,
): Promise<(manifest: Manifest) => AdvisoryReport> {
  const subjectsOf = (manifest: Manifest) => listParts(takeInventory(manifest)).map(subjectOf);
  const read = await readAdvisories({ database, subjects: manifests.flatMap(subjectsOf), signal });
  const now = Date.now();
  return (manifest) =>
    auditAdvisories(read, {
      maxAge,
      now,
      subjects: subjectsOf(manifest),
      statements: manifest.vex ?? [],
    });
}
