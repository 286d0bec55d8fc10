import { openVulnerabilities, type AdvisoryReport, type Vulnerability } from './report.ts';

/** Open vulnerabilities of two releases, held against the same database. */
export interface VulnerabilityChanges {
  /** Only the old one has these. */
  readonly gone: readonly Vulnerability[];
  /** Only the new one has these. */
  readonly added: readonly Vulnerability[];
  /** Both have these; as they are in the new one. */
  readonly kept: readonly Vulnerability[];
}

/**
 * The vulnerabilities that a newer release removes, adds and keeps, without those that a recipe states to be harmless
 * or fixed.
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
