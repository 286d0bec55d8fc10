import { auditAdvisories, readAdvisories } from '../audit/advisories.ts';
import type { AdvisoryReport } from '../domain/advisories/report.ts';
import { namedPartOf } from '../domain/advisories/named-parts.ts';
import type { Manifest } from '../domain/manifest.ts';
import { listParts, takeInventory } from '../pack/sbom/inventory.ts';

/** A database of advisories to look a release up in. */
export interface LookUp {
  /** Absolute path. */
  readonly database: string;
  /** Maximum age in days. */
  readonly maxAge: number;
}

/**
 * Reads a database's advisories about releases. Returns a function that looks up everything in the bill of materials of
 * one of them. Throws what `readAdvisories` throws, the function what `auditAdvisories` throws.
 */
export async function openLookUp(
  manifests: readonly Manifest[],
  { database, maxAge }: LookUp,
  signal: AbortSignal,
): Promise<(manifest: Manifest) => AdvisoryReport> {
  const namedPartsOf = (manifest: Manifest) => listParts(takeInventory(manifest)).map(namedPartOf);
  const read = await readAdvisories({ database, parts: manifests.flatMap(namedPartsOf), signal });
  const now = Date.now();
  return (manifest) =>
    auditAdvisories(read, {
      maxAge,
      now,
      parts: namedPartsOf(manifest),
      statements: manifest.vex ?? [],
    });
}
