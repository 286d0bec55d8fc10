import type { ForbiddenBytes } from '../options.ts';
import type { Offence } from '../rule.ts';

/** Maximum number of bytes shown around a match. */
const CONTEXT = 120;

export interface BytesFound {
  readonly offset: number;
  readonly count: number;
  /** The printable text around it. */
  readonly context: string;
}

/**
 * Where `pattern` occurs in `bytes`, and how often; counts an occurrence only if `accept` returns true for the offset
 * after it.
 */
export function findBytes(
  bytes: Buffer,
  pattern: Buffer,
  accept: (end: number) => boolean = () => true,
): BytesFound | undefined {
  let first: number | undefined;
  let count = 0;
  for (let at = bytes.indexOf(pattern); at !== -1; at = bytes.indexOf(pattern, at + pattern.length)) {
    if (!accept(at + pattern.length)) continue;
    first ??= at;
    count += 1;
  }
  return first === undefined
    ? undefined
    : { offset: first, count, context: contextOf(bytes, first, pattern.length) };
}

/** The violation for forbidden bytes in a file. */
export function describeBytes(file: string, forbidden: ForbiddenBytes, found: BytesFound): Offence {
  const times = found.count === 1 ? '' : ` and ${found.count - 1} more times`;
  return {
    path: file,
    subject: forbidden.label,
    message: `contains the ${forbidden.label} at byte ${found.offset}${times}: ${JSON.stringify(found.context)}`,
  };
}

function contextOf(bytes: Buffer, offset: number, length: number): string {
  let start = offset;
  let end = offset + length;
  while (start > 0 && offset - start < CONTEXT / 2 && isPrintable(bytes[start - 1])) start -= 1;
  while (end < bytes.length && end - start < CONTEXT && isPrintable(bytes[end])) end += 1;
  return bytes.toString('latin1', start, end);
}

function isPrintable(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte < 0x7f;
}
