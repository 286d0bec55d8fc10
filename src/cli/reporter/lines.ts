import type { Event } from '../../domain/events.ts';
import { formatTime } from '../../domain/quantities.ts';
import { endedLine, plannedLine, warningLines } from './messages.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { createTurns } from './turns.ts';

/**
 * Prints one line when a task starts work and one when it ends, for logs and pipes. Shows tasks that reuse a result,
 * and small parts of other tasks, only with `verbose`.
 */
export function createLinesReporter({ stderr, verbose }: ReporterOptions): Reporter {
  const { line, style } = stderr;
  const titles = new Map<string, string>();
  const silent = new Map<string, string>();
  const parents = new Map<string, string>();
  const turns = createTurns(line);

  const atWork = (task: string): void => {
    const parent = parents.get(task);
    if (parent !== undefined) atWork(parent);
    const announcement = silent.get(task);
    if (announcement === undefined) return;
    silent.delete(task);
    if (parent === undefined || verbose) line(announcement);
  };

  const emit = (event: Event): void => {
    switch (event.type) {
      case 'warning':
        warningLines(event, style).forEach(line);
        return;
      case 'tasks-planned':
        line(style.dim(plannedLine(event)));
        return;
      case 'task-started': {
        const last =
          event.lastTime === undefined ? '' : ` ${style.dim(`(last time ${formatTime(event.lastTime)})`)}`;
        titles.set(event.task, event.title);
        silent.set(event.task, `> ${event.title}${last}`);
        if (event.parent !== undefined) parents.set(event.task, event.parent);
        return;
      }
      case 'task-ended':
        turns.end(event.task);
        if (verbose || (event.outcome !== 'reused' && !parents.has(event.task)))
          line(endedLine(titles.get(event.task) ?? event.task, event, style));
        silent.delete(event.task);
        return;
      case 'task-progress':
        atWork(event.task);
        return;
      case 'task-step':
        atWork(event.task);
        if (verbose) turns.print(event.task, `${style.dim(`${event.task} >`)} ${event.step}`);
        return;
      case 'task-output':
        atWork(event.task);
        if (verbose) turns.print(event.task, `${style.dim(`${event.task} |`)} ${event.line}`);
    }
  };
  return { emit, close: () => undefined };
}
