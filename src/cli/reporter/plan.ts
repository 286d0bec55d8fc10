import type { Event } from '../../domain/events.ts';

type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>;

/** The planned work: the number of tasks and their expected times. */
export interface Plan {
  readonly add: (event: EventOf<'tasks-planned'>) => void;
  readonly start: (task: string, now: number) => void;
  readonly end: (task: string, now: number) => void;
  /** The number of ended tasks, of all tasks, and an estimate of the remaining time. */
  readonly state: (now: number) => { readonly ended: number; readonly total: number; readonly left: number };
}

/** A plan without tasks. Times are milliseconds of one clock. */
export function createPlan(): Plan {
  const times = new Map<string, number>();
  const starts = new Map<string, number>();
  let ended = 0;
  let jobs = 1;
  /** The actual and the expected times of ended tasks. */
  let spent = 0;
  let expected = 0;

  /**
   * The remaining work divided by the number of parallel jobs, but at least the time of the longest remaining task.
   * Expected times may come from a faster machine: if ended tasks took longer, the rest is scaled accordingly.
   */
  const timeLeft = (now: number): number => {
    const pace = expected > 0 ? Math.max(1, spent / expected) : 1;
    const left = [...times].map(([task, time]) =>
      Math.max(0, time * pace - (now - (starts.get(task) ?? now))),
    );
    return Math.max(0, ...left, left.reduce((sum, each) => sum + each, 0) / jobs);
  };

  return {
    add(event) {
      for (const { task, time } of event.tasks) times.set(task, time);
      jobs = Math.max(1, event.jobs);
    },
    start: (task, now) => void starts.set(task, now),
    end(task, now) {
      const time = times.get(task);
      if (time === undefined) return;
      times.delete(task);
      ended += 1;
      spent += now - (starts.get(task) ?? now);
      expected += time;
    },
    state: (now) => ({ ended, total: ended + times.size, left: timeLeft(now) }),
  };
}
