import { readFile } from 'node:fs/promises';
import type { ReportResult } from '../domain/results.ts';
import type { Timeline } from '../domain/timeline.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { describeTarball, identifyTarball, readManifestFromTarball } from '../pack/inspect.ts';
import { parseTimeline, timelineFile } from '../pack/timeline.ts';
import { formatReport } from '../report/report.ts';
import type { LookUp } from './advisories.ts';
import { auditPath } from './audit.ts';
import type { Context } from './context.ts';

export interface ReportOptions {
  /** Absolute path of the page. */
  readonly page: string;
  readonly lookUp?: LookUp | undefined;
}

/**
 * Writes a page about a release tarball, with its audit, and its build's timeline if that is beside it. Throws what
 * `readManifestFromTarball` and `auditPath` throw, and `KSB_DISK_FULL`.
 */
export async function writeReport(
  context: Context,
  file: string,
  { page, lookUp }: ReportOptions,
): Promise<ReportResult> {
  const manifest = await readManifestFromTarball(file);
  const inspected = await describeTarball(file, manifest);
  const { unsigned, ...identity } = await identifyTarball(file);
  const timeline = await readTimeline(file);
  const { advisories, ...audit } = await auditPath(context, file, lookUp);
  const text = formatReport({
    inspected,
    manifest,
    ...identity,
    audit,
    advisories,
    timeline: timeline?.tarball === unsigned ? timeline : undefined,
  });
  await writeFileAtomically(page, text).catch((error: unknown) => {
    throw explainDiskFull(error, page);
  });
  return { page, release: inspected.release, sha256: hashBytes(text) };
}

async function readTimeline(file: string): Promise<Timeline | undefined> {
  const text = await ifThere(readFile(timelineFile(file), 'utf8'));
  return text === undefined ? undefined : parseTimeline(text);
}
