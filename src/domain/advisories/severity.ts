import { createRequire } from 'node:module';
import type * as Cvss from 'ae-cvss-calculator';

export const RATINGS = ['critical', 'high', 'medium', 'low', 'none'] as const;
export type Rating = (typeof RATINGS)[number];

export interface Severity {
  readonly rating: Rating;
  /** CVSS score, 0 to 10. */
  readonly score?: number;
  /** CVSS vector that the score was computed from. */
  readonly vector?: string;
}

/** Loads the calculator, synchronously, only for the first vector: loading it at every start would take 30 ms. */
const require = createRequire(import.meta.url);

/** The severity of a CVSS vector of version 2, 3 or 4; undefined for an invalid or incomplete vector. */
export function severityOfVector(vector: string): Severity | undefined {
  const { fromVector } = require('ae-cvss-calculator') as typeof Cvss;
  const parsed = fromVector(vector);
  if (parsed === null || parsed === undefined || !parsed.isBaseFullyDefined()) return undefined;
  const score = parsed.calculateScores().overall;
  return { rating: ratingOf(score), score, vector };
}

/** The qualitative scale of CVSS 3 and 4 (section 5 of the CVSS 3.1 specification), also for vectors of version 2. */
function ratingOf(score: number): Rating {
  if (score === 0) return 'none';
  if (score < 4) return 'low';
  if (score < 7) return 'medium';
  return score < 9 ? 'high' : 'critical';
}

/** The severity that a database states in a word, as GitHub's advisories do. */
export function severityOfWord(word: string): Severity | undefined {
  const name = word.toLowerCase() === 'moderate' ? 'medium' : word.toLowerCase();
  const rating = RATINGS.find((each) => each === name);
  return rating === undefined ? undefined : { rating };
}

/** Worst first; unrated ones come before those rated harmless. */
export function compareSeverity(a: Severity | undefined, b: Severity | undefined): number {
  return weightOf(b) - weightOf(a);
}

function weightOf(severity: Severity | undefined): number {
  if (severity === undefined) return 0.5;
  return severity.score ?? { critical: 9, high: 7, medium: 4, low: 1, none: 0 }[severity.rating];
}
