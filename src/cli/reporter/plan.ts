import type { Event } from '../../domain/events.ts';

type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>;

/** What is known beforehand of the work to come: how many tasks there are, and how long they take. */
export interface Plan {
  readonly add: (event: EventOf<'tasks-planned'>) => void;
  readonly start: (task: string, now: number) => void;
  readonly end: (task: string) => void;
  /** How many tasks have ended, of how many, and the time that is left, roughly. */
  readonly state: (now: number) => { readonly ended: number; readonly total: number; readonly left: number };
}

/** A plan without tasks. Times are milliseconds of one clock. */
export function createPlan(): Plan {
  const times = new Map<string, number>();
  const starts = new Map<string, number>();
  let ended = 0;
  let jobs = 1;

  /** The work that is left, shared by what runs side by side, and at least what the longest task that is left takes. */
  const timeLeft = (now: number): number => {
    const left = [...times].map(([task, time]) => Math.max(0, time - (now - (starts.get(task) ?? now))));
    return Math.max(0, ...left, left.reduce((sum, each) => sum + each, 0) / jobs);
  };

  return {
    add(event) {
      for (const { task, time } of event.tasks) times.set(task, time);
      jobs = Math.max(1, event.jobs);
    },
    start: (task, now) => void starts.set(task, now),
    end(task) {
      if (times.delete(task)) ended += 1;
    },
    state: (now) => ({ ended, total: ended + times.size, left: timeLeft(now) }),
  };
}
