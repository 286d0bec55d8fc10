import type { Sha256 } from './digest.ts';
import type { Emit, Outcome } from './events.ts';

/** One task of a build; times are milliseconds. */
export interface TimedTask {
  /** For example `build:openssl`. */
  readonly task: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** Since the build began. */
  readonly start: number;
  readonly time: number;
}

/** The times of a build's tasks. They differ for each build, so the file is beside the tarball, not in it. */
export interface Timeline {
  readonly format: 1;
  /** Digest of the tarball without a signature. */
  readonly tarball: Sha256;
  /** By start. */
  readonly tasks: readonly TimedTask[];
}

export interface TimelineRecorder {
  /** Passes on every event. */
  readonly emit: Emit;
  /** The tasks that have ended so far, by start. */
  readonly tasks: () => readonly TimedTask[];
}

/** Records starts and ends of tasks. `now` returns milliseconds. */
export function recordTimeline(emit: Emit, now: () => number): TimelineRecorder {
  const begun = now();
  const open = new Map<string, { readonly title: string; readonly start: number }>();
  const ended: TimedTask[] = [];
  return {
    emit(event) {
      if (event.type === 'task-started')
        open.set(event.task, { title: event.title, start: Math.round(now() - begun) });
      const started = event.type === 'task-ended' ? open.get(event.task) : undefined;
      if (event.type === 'task-ended' && started !== undefined) {
        const { task, outcome, time } = event;
        ended.push({ task, outcome, ...started, time: Math.round(time) });
      }
      emit(event);
    },
    tasks: () => ended.toSorted((a, b) => a.start - b.start),
  };
}
