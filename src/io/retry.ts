import { setTimeout as sleep } from 'node:timers/promises';
import { HttpFault } from './http-fault.ts';

export interface RetryPolicy {
  /** Maximum number of retries without progress. */
  readonly retries: number;
  /** Milliseconds before the first retry; doubles each time, plus up to half of it at random. */
  readonly delay: number;
}

interface Retrying {
  readonly policy: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
  /** Whether the last try made progress, which resets the count. */
  readonly gotFurther?: () => boolean;
  readonly onRetry?: ((why: string, delay: number) => void) | undefined;
}

const LONGEST_DELAY = 30_000;
/** Maximum accepted Retry-After, in milliseconds. */
const LONGEST_WAIT = 120_000;

/** Repeats `attempt` after transient faults. Throws its last error, or the signal's reason. */
export async function withRetries<T>(attempt: () => Promise<T>, retrying: Retrying): Promise<T> {
  const { policy, signal, gotFurther = () => false, onRetry } = retrying;
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof HttpFault) || !error.facts.transient) throw error;
      if (gotFurther()) failures = 0;
      const { wait = 0, why } = error.facts;
      if (failures >= policy.retries || wait > LONGEST_WAIT) throw error;
      const delay = Math.max(
        wait,
        Math.min(LONGEST_DELAY, policy.delay * 2 ** failures) * (1 + Math.random() / 2),
      );
      onRetry?.(why, delay);
      await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}
