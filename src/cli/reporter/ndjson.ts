import type { Channel } from '../console.ts';
import type { Reporter } from './reporter.ts';

/** Every event as one JSON object a line, as it is. */
export function createNdjsonReporter(stderr: Channel): Reporter {
  return {
    emit: (event) => stderr.json(event),
    close: () => undefined,
  };
}
