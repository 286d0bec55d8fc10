import type { Sha256 } from './digest.ts';
import { ExitCode, KsbundleError } from './errors.ts';

export interface MismatchFacts {
  /** The thing whose bytes are wrong, as in "… has the wrong bytes". */
  readonly what: string;
  /** Where the bytes came from: a path or a redacted URL. */
  readonly from?: string;
  /** Digests of which one was wanted. */
  readonly expected: readonly Sha256[];
  readonly actual: Sha256;
  readonly hint?: string;
}

/** The error for bytes that are not the pinned ones; it shows both digests. */
export function digestMismatch({ what, from, expected, actual, hint }: MismatchFacts): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DIGEST_MISMATCH',
    exitCode: ExitCode.integrity,
    message: `${what} has the wrong bytes; they were refused`,
    ...(from === undefined ? {} : { why: `this is what came from ${from}` }),
    details: [...expected.map((digest) => `expected sha256:${digest}`), `     got sha256:${actual}`],
    ...(hint === undefined ? {} : { hint }),
  });
}
