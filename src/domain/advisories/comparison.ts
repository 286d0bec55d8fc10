import { openVulnerabilities, type AdvisoryReport, type Vulnerability } from './report.ts';

/** Open vulnerabilities of two releases according to the same database. */
export interface VulnerabilityChanges {
  /** Only in the old one. */
  readonly gone: readonly Vulnerability[];
  /** Only in the new one. */
  readonly added: readonly Vulnerability[];
  /** In both, as described in the new one. */
  readonly kept: readonly Vulnerability[];
}

/**
 * The vulnerabilities that a newer release removes, adds and keeps, without those that a recipe declares harmless or
 * fixed.
 */
export function compareVulnerabilities(before: AdvisoryReport, after: AdvisoryReport): VulnerabilityChanges {
  const [old, now] = [openVulnerabilities(before), openVulnerabilities(after)];
  const isIn = (list: readonly Vulnerability[], { part, ids }: Vulnerability): boolean =>
    list.some((other) => other.part === part && other.ids.some((id) => ids.includes(id)));
  return {
    gone: old.filter((each) => !isIn(now, each)),
    added: now.filter((each) => !isIn(old, each)),
    kept: now.filter((each) => isIn(old, each)),
  };
}
