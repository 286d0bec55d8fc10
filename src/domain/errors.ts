/** Process exit codes of the command line; documented in docs/cli.md. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  hostTool: 3,
  integrity: 4,
  audit: 5,
  bug: 70,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A position in a text file; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** One problem of several that are reported together, for example all mistakes of a recipe. */
export interface Problem {
  /** Stable name of the kind of problem, for example `unknown-key`. */
  readonly code: string;
  readonly message: string;
  readonly place?: Place;
  readonly hint?: string;
  /** Lines worth showing below the message. */
  readonly details?: readonly string[];
}

export interface ErrorFacts {
  /** Stable code, `KSB_` and upper case, for example `KSB_DIGEST_MISMATCH`. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What went wrong: one sentence that names the affected thing. */
  readonly message: string;
  readonly place?: Place;
  /** Why, if known. */
  readonly why?: string;
  /** What to do next, preferably a command. */
  readonly hint?: string;
  /** Lines worth showing below the message, for example the tail of a build log. */
  readonly details?: readonly string[];
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** An error meant for the user. Any other error that reaches the command line is a bug (exit 70). */
export class KsbundleError extends Error {
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'KsbundleError';
    this.facts = facts;
  }
}

export function formatPlace(place: Place): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(':');
}

export function isErrnoException(error: unknown, code?: string): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && (code === undefined || error.code === code);
}
