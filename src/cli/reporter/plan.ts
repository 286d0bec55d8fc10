import type { Event } from '../../domain/events.ts';

type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>;

/** What is known beforehand of the work to come: how many tasks there are, and how long they take. */
export interface Plan {
  readonly add: (event: EventOf<'tasks-planned'>) => void;
  readonly start: (task: string, now: number) => void;
  readonly end: (task: string, now: number) => void;
  /** How many tasks have ended, of how many, and the time that is left, roughly. */
  readonly state: (now: number) => { readonly ended: number; readonly total: number; readonly left: number };
}

/** A plan without tasks. Times are milliseconds of one clock. */
export function createPlan(): Plan {
  const times = new Map<string, number>();
  const starts = new Map<string, number>();
  let ended = 0;
  let jobs = 1;
  /** What the tasks that ended took, and what they were expected to take. */
  let spent = 0;
  let expected = 0;

  /**
   * The work that is left, shared by what runs side by side, and at least what the longest task that is left takes. Expected times may be
   * those of a faster machine: where what has ended took longer, so will the rest.
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
