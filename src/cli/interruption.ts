/** Why a run was ended from outside: the reason of the abort signal. */
export interface Interruption {
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP';
  /** 128 plus the signal's number, as shells have it. */
  readonly exitCode: number;
}

const INTERRUPTIONS: readonly Interruption[] = [
  { signal: 'SIGHUP', exitCode: 129 },
  { signal: 'SIGINT', exitCode: 130 },
  { signal: 'SIGTERM', exitCode: 143 },
];

/**
 * Milliseconds in which a further signal is the same one again: npm and timeout(1) pass on to their child a Ctrl-C that
 * the terminal has sent it already.
 */
const ECHO = 250;

/**
 * An abort signal that the first of SIGINT, SIGTERM and SIGHUP fires, after `notify` was called; the second ends
 * the process at once. Both ways the process groups of running programs are killed: see `run` in src/io/process.ts.
 */
export function abortOnSignals(notify: (interruption: Interruption) => void): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const interruption of INTERRUPTIONS) {
    process.on(interruption.signal, () => {
      if (controller.signal.aborted) {
        if (performance.now() - first > ECHO) process.exit(interruption.exitCode);
        return;
      }
      first = performance.now();
      notify(interruption);
      controller.abort(interruption);
    });
  }
  return controller.signal;
}

/** The interruption that fired `signal`, if one did. */
export function interruptionOf(signal: AbortSignal): Interruption | undefined {
  const reason: unknown = signal.reason;
  return INTERRUPTIONS.find((interruption) => interruption === reason);
}
