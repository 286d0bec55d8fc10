import type { Event } from '../../domain/events.ts';
import type { Style } from '../style.ts';
import { formatBytes, formatTime } from '../../domain/quantities.ts';

type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>;

const MARKS = { done: '✓', reused: '=', failed: '✗', interrupted: '✗' } as const;

/** The line that says how a task ended. */
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

export function progressText({ done, total, unit }: EventOf<'task-progress'>): string {
  const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value));
  const of = total === undefined ? '' : ` of ${amount(total)}`;
  return `${amount(done)}${of}${unit === 'bytes' ? '' : ` ${unit}`}`;
}
