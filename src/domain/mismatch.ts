import type { Sha256 } from './digest.ts';
import { ExitCode, KsbundleError } from './errors.ts';

export interface MismatchFacts {
  /** The thing whose bytes are wrong, as in "… has the wrong digest". */
  readonly what: string;
  /** Where the bytes came from: a path or a redacted URL. */
  readonly from?: string;
  /** Accepted digests. */
  readonly expected: readonly Sha256[];
  readonly actual: Sha256;
  readonly hint?: string;
}

/** The error for bytes that differ from the pinned ones, with both digests. */
export function digestMismatch({ what, from, expected, actual, hint }: MismatchFacts): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DIGEST_MISMATCH',
    exitCode: ExitCode.integrity,
    message: `${what} has the wrong digest and was refused`,
    ...(from === undefined ? {} : { why: `it came from ${from}` }),
    details: [...expected.map((digest) => `expected sha256:${digest}`), `     got sha256:${actual}`],
    ...(hint === undefined ? {} : { hint }),
  });
}
