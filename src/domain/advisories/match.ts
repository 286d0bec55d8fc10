import type { Affected, AffectedPackage, AffectedProduct, NamedPart } from './advisory.ts';
import { fixesAfter, isInRange } from './ranges.ts';
import { comparePython, compareUpstream } from './versions.ts';

/** An advisory's statement about one part. */
export type Verdict =
  | {
      readonly kind: 'affected';
      /** Later versions that fix it, earliest first; empty if none are known. */
      readonly fixes: readonly string[];
    }
  /** It is about the part, but its versions are unclear. */
  | { readonly kind: 'undecided' };

/** Whether the affected software is the part, in any version. */
export function isAbout(affected: Affected, { names }: NamedPart): boolean {
  return affected.name === names[affected.feed];
}

/** The statement about the part; undefined if its version is not affected. */
export function judge(affected: Affected, part: NamedPart): Verdict | undefined {
  switch (affected.feed) {
    case 'PyPI':
    case 'crates.io':
    case 'Go':
      return judgePackage(affected, part.version);
    case 'Git':
      if (affected.tags?.includes(part.tag ?? '') === true) return { kind: 'affected', fixes: [] };
      return affected.tags === undefined || affected.open ? { kind: 'undecided' } : undefined;
    case 'NVD':
      return judgeProduct(affected, part.version);
  }
}

function judgePackage({ feed, versions, ranges }: AffectedPackage, stated: string): Verdict | undefined {
  const compare = feed === 'PyPI' ? comparePython : compareUpstream;
  // Versions of Go begin with a letter, which records omit.
  const version = feed === 'Go' ? stated.replace(/^v/u, '') : stated;
  const inRanges = ranges.filter((range) => isInRange(version, range, compare));
  const isListed = versions.some((each) => each === version || compare(each, version) === 0);
  if (inRanges.length === 0 && !isListed) return undefined;
  const relevant = inRanges.length === 0 ? ranges : inRanges;
  const fixes = relevant.flatMap((range) => fixesAfter(version, range, compare).slice(0, 1));
  return { kind: 'affected', fixes: [...new Set(fixes)].toSorted(compare) };
}

function judgeProduct(affected: AffectedProduct, version: string): Verdict | undefined {
  const { startIncluding, startExcluding, endIncluding, endExcluding } = affected;
  const compare = (bound: string): number => compareUpstream(version, bound);
  const isInside =
    (affected.version === undefined || compare(affected.version) === 0) &&
    (startIncluding === undefined || compare(startIncluding) >= 0) &&
    (startExcluding === undefined || compare(startExcluding) > 0) &&
    (endIncluding === undefined || compare(endIncluding) <= 0) &&
    (endExcluding === undefined || compare(endExcluding) < 0);
  return isInside ? { kind: 'affected', fixes: endExcluding === undefined ? [] : [endExcluding] } : undefined;
}
