import type { Emit } from '../../domain/events.ts';
import type { Channel } from '../console.ts';

/** Shows events to the user, on standard error only. */
export interface Reporter {
  readonly emit: Emit;
  /** Stops drawing; nothing is shown afterwards. */
  readonly close: () => void;
}

export interface ReporterOptions {
  readonly stderr: Channel;
  /** Also show steps, reused results, and every line that programs print. */
  readonly verbose: boolean;
}
