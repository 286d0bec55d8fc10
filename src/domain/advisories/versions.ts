import { compare, valid } from '@renovatebot/pep440';

/**
 * Orders versions of Python distributions as PEP 440 does. Versions that do not follow PEP 440, such as very old
 * ones, come first and are ordered as text.
 */
export function comparePython(a: string, b: string): number {
  const [first, second] = [valid(a), valid(b)];
  if (first !== null && second !== null) return compare(a, b);
  if (first !== null || second !== null) return first === null ? -1 : 1;
  return compareText(a, b);
}

/**
 * Orders versions of upstream code: numbers as numbers; a suffix is later (`1.0.2u`) unless it means a prerelease
 * (`2.0rc1`). Missing numbers are zeros.
 */
export function compareUpstream(a: string, b: string): number {
  const [left, right] = [piecesOf(a), piecesOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const order = comparePieces(left[index] ?? END, right[index] ?? END);
    if (order !== 0) return order;
  }
  return 0;
}

type Piece = number | string;

/** Rank of a version's end: before numbers above zero and letters, after `rc` and the like. */
const END = 0;

const BEFORE_RELEASE: ReadonlySet<string> = new Set(['alpha', 'beta', 'dev', 'pre', 'preview', 'rc']);
/** Only before a number, as in `3.0.0a1`; otherwise they name releases, as in `1.0.2a`. */
const ABBREVIATIONS: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', c: 'rc' };

function piecesOf(version: string): readonly Piece[] {
  return [...version.toLowerCase().matchAll(/(\d+)|([a-z]+)(?=(\d?))/gu)].map(
    ([, number, word = '', digit]) => {
      if (number !== undefined) return Number(number);
      return digit === '' ? word : (ABBREVIATIONS[word] ?? word);
    },
  );
}

function comparePieces(a: Piece, b: Piece): number {
  const order = rankOf(a) - rankOf(b);
  if (order !== 0) return order;
  return typeof a === 'number' && typeof b === 'number' ? a - b : compareText(String(a), String(b));
}

function rankOf(piece: Piece): number {
  if (typeof piece === 'number') return piece === 0 ? 1 : 3;
  return BEFORE_RELEASE.has(piece) ? 0 : 2;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
