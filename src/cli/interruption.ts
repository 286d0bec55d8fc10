/** The signal that ended a run: the reason of the abort signal. */
export interface Interruption {
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP';
  /** 128 plus the signal's number, as in shells. */
  readonly exitCode: number;
}

const INTERRUPTIONS: readonly Interruption[] = [
  { signal: 'SIGHUP', exitCode: 129 },
  { signal: 'SIGINT', exitCode: 130 },
  { signal: 'SIGTERM', exitCode: 143 },
];

/**
 * Milliseconds in which a second signal counts as the same one: npm and timeout(1) forward a Ctrl-C to their child,
 * which already got it from the terminal.
 */
const ECHO = 250;

/**
 * Returns an abort signal. The first SIGINT, SIGTERM or SIGHUP calls `notify` and fires it; the second ends the
 * process at once. Both kill the process groups of running programs: see `run` in src/io/process.ts.
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

/** The interruption that fired `signal`, if any. */
export function interruptionOf(signal: AbortSignal): Interruption | undefined {
  const reason: unknown = signal.reason;
  return INTERRUPTIONS.find((interruption) => interruption === reason);
}
