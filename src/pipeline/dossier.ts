import type { ReportResult } from '../domain/results.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { formatDossier } from '../pack/dossier.ts';
import { identifyTarball, readManifestFromTarball, releaseOf } from '../pack/inspect.ts';

/**
 * Writes the technical documentation of a release tarball to `page`. Throws what `readManifestFromTarball` throws, and
 * `KSB_DISK_FULL`.
 */
export async function writeDossier(file: string, page: string): Promise<ReportResult> {
  const text = formatDossier(await readManifestFromTarball(file), await identifyTarball(file));
  await writeFileAtomically(page, text).catch((error: unknown) => {
    throw explainDiskFull(error, page);
  });
  return { page, release: releaseOf(file), sha256: hashBytes(text) };
}
