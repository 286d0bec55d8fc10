import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { auditAdvisories } from '../audit/advisories.ts';
import type { AdvisoryReport } from '../domain/advisories/report.ts';
import { subjectOf } from '../domain/advisories/subjects.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { MANIFEST_FILE, type Manifest } from '../domain/manifest.ts';
import { ifThere } from '../io/if-there.ts';
import { parseManifest } from '../pack/manifest.ts';
import { takeInventory } from '../pack/sbom/inventory.ts';

/** A database of advisories to look a release up in. */
export interface LookUp {
  /** Absolute path. */
  readonly database: string;
  /** Days that it may be old. */
  readonly maxAge: number;
}

/** Looks up everything that the bill of materials of an unpacked release lists. Throws `KSB_NOT_A_RELEASE`, and what `auditAdvisories` does. */
export async function lookUpRelease(
  directory: string,
  lookUp: LookUp,
  signal: AbortSignal,
): Promise<AdvisoryReport> {
  const text = await ifThere(readFile(path.join(directory, MANIFEST_FILE), 'utf8'));
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (manifest === undefined) {
    throw new KsbundleError({
      code: 'KSB_NOT_A_RELEASE',
      exitCode: ExitCode.integrity,
      message: `${directory} is not a release of ksbundle, whose bill of materials could be looked up`,
      why: `it has no ${MANIFEST_FILE} of format 1`,
    });
  }
  return lookUpManifest(manifest, lookUp, signal);
}

/** Looks up everything that the bill of materials of a release lists. Throws what `auditAdvisories` does. */
export async function lookUpManifest(
  manifest: Manifest,
  { database, maxAge }: LookUp,
  signal: AbortSignal,
): Promise<AdvisoryReport> {
  return auditAdvisories({
    database,
    maxAge,
    now: Date.now(),
    subjects: takeInventory(manifest).items.map(subjectOf),
    statements: manifest.vex ?? [],
    signal,
  });
}
