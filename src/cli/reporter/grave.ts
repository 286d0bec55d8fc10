import type { Channel } from '../console.ts';
import { warningLines } from './messages.ts';
import type { Reporter } from './reporter.ts';

/** Reports nothing but grave warnings, for `--quiet`. */
export function createGraveReporter(stderr: Channel): Reporter {
  return {
    emit(event) {
      if (event.type === 'warning' && event.grave === true)
        warningLines(event, stderr.style).forEach(stderr.line);
    },
    close: () => undefined,
  };
}
