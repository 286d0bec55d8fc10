import type { Event } from '../../domain/events.ts';
import type { Style } from '../style.ts';
import { formatBytes, formatTime } from '../../domain/quantities.ts';
import { createPlan, type Plan } from './plan.ts';

type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>;

const MARKS = { done: '✓', reused: '=', failed: '✗', interrupted: '✗' } as const;

/** The line for the end of a task. */
export function endedLine(title: string, event: EventOf<'task-ended'>, style: Style): string {
  const mark = MARKS[event.outcome];
  const good = event.outcome === 'done' || event.outcome === 'reused';
  const words = event.outcome === 'done' ? '' : ` ${event.outcome}`;
  return `${good ? style.green(mark) : style.red(mark)} ${title}${words} ${style.dim(`(${formatTime(event.time)})`)}`;
}

export function warningLines(event: EventOf<'warning'>, style: Style): string[] {
  const first = `${style.yellow('warning:')} ${event.message}`;
  return event.hint === undefined ? [first] : [first, `  ${style.green('hint:')} ${event.hint}`];
}

/** Shorter estimates, in milliseconds, are not shown: the work ends before they are read. */
const SHORT = 5_000;

/** The planned work and an estimate of its time: `19 tasks, about 5 min`. */
export function plannedLine(event: EventOf<'tasks-planned'>): string {
  const plan = createPlan();
  plan.add(event);
  const { total, left } = plan.state(0);
  return `${total} ${total === 1 ? 'task' : 'tasks'}${left < SHORT ? '' : `, about ${formatTime(left)}`}`;
}

/** The progress: `3 of 19 · about 4 min left`; `3 done` without a plan. */
export function planText({ state }: Plan, now: number, done: number): string {
  const { ended, total, left } = state(now);
  if (total === 0) return `${done} done`;
  return `${ended} of ${total}${left < SHORT ? '' : ` · about ${formatTime(left)} left`}`;
}

export function progressText({ done, total, unit }: EventOf<'task-progress'>): string {
  const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value));
  const of = total === undefined ? '' : ` of ${amount(total)}`;
  return `${amount(done)}${of}${unit === 'bytes' ? '' : ` ${unit}`}`;
}
