import type { Channel } from '../console.ts';
import type { Reporter } from './reporter.ts';

/** Prints every event unchanged, as one JSON object per line. */
export function createNdjsonReporter(stderr: Channel): Reporter {
  return {
    emit: (event) => stderr.json(event),
    close: () => undefined,
  };
}
