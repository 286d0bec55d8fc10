import type { RangeEvent } from './advisory.ts';

/** Negative if `a` comes before `b`, positive if after, 0 if both are the same version. */
export type CompareVersions = (a: string, b: string) => number;

/**
 * Whether a version is in a range of OSV, by the algorithm of its schema (ossf.github.io/osv-schema, "Evaluation"):
 * events, sorted by version, switch between affected and not affected.
 */
export function isInRange(version: string, range: readonly RangeEvent[], compare: CompareVersions): boolean {
  const limits = range.filter(({ kind }) => kind === 'limit');
  if (limits.length > 0 && !limits.some((limit) => isBefore(version, limit, compare))) return false;
  let affected = false;
  for (const event of sortEvents(range, compare)) {
    const order = event.kind === 'introduced' && event.version === '0' ? 1 : compare(version, event.version);
    if (event.kind === 'introduced' && order >= 0) affected = true;
    if (event.kind === 'fixed' && order >= 0) affected = false;
    if (event.kind === 'last_affected' && order > 0) affected = false;
  }
  return affected;
}

/** The fixed versions of a range that are later than `version`, earliest first. */
export function fixesAfter(
  version: string,
  range: readonly RangeEvent[],
  compare: CompareVersions,
): readonly string[] {
  return sortEvents(range, compare)
    .filter(({ kind, version: fix }) => kind === 'fixed' && compare(fix, version) > 0)
    .map(({ version: fix }) => fix);
}

function isBefore(version: string, limit: RangeEvent, compare: CompareVersions): boolean {
  return limit.version === '*' || compare(version, limit.version) < 0;
}

/** At the same version, the end of a range comes first, so that the next may start there. */
function sortEvents(range: readonly RangeEvent[], compare: CompareVersions): RangeEvent[] {
  return range
    .filter(({ kind }) => kind !== 'limit')
    .toSorted((a, b) => {
      const [first, second] = [isStart(a), isStart(b)];
      if (first || second) return Number(second) - Number(first);
      return (
        compare(a.version, b.version) || Number(a.kind === 'introduced') - Number(b.kind === 'introduced')
      );
    });
}

function isStart({ kind, version }: RangeEvent): boolean {
  return kind === 'introduced' && version === '0';
}
