import type { Emit } from '../../domain/events.ts';
import type { Channel } from '../console.ts';

/** Shows events to whoever watches, on standard error only. */
export interface Reporter {
  readonly emit: Emit;
  /** Ends whatever is still drawn; nothing is shown afterwards. */
  readonly close: () => void;
}

export interface ReporterOptions {
  readonly stderr: Channel;
  /** Also steps, what was reused, and every line that programs print. */
  readonly verbose: boolean;
}
