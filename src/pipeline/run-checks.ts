import { KsbundleError } from '../domain/errors.ts';
import { faultOf, type HostCheck, type Verdict } from '../domain/host-check.ts';

export interface Check {
  readonly name: string;
  /** Should end when `limit` aborts. */
  readonly run: (limit: AbortSignal) => Promise<Verdict | readonly Verdict[]>;
}

interface RunChecksOptions {
  /** Milliseconds that a check may take. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

/**
 * The verdicts of all checks, which run one after another. An error for users is a fault, reported once if several
 * checks meet it, and so is a check that does not end in time. Throws other errors, and the signal's reason.
 */
export async function runChecks(
  checks: readonly Check[],
  { patience, signal }: RunChecksOptions,
): Promise<readonly HostCheck[]> {
  const found: HostCheck[] = [];
  for (const { name, run } of checks) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
    const verdicts = await Promise.race([run(limit), rejection(limit)]).catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof KsbundleError) return faultOf(error);
      if (!limit.aborted) throw error;
      return lateVerdict(patience);
    });
    signal.throwIfAborted();
    const known = new Set(found.map(({ message }) => message));
    for (const verdict of [verdicts].flat()) {
      if (verdict.state !== 'fault' || !known.has(verdict.message)) found.push({ check: name, ...verdict });
    }
  }
  return found;
}

async function rejection(limit: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true });
  });
}

function lateVerdict(patience: number): Verdict {
  return {
    state: 'fault',
    message: `this check did not end within ${patience / 1000} seconds`,
    hint: 'look for a file system or a program that hangs, and try again',
  };
}
