import ora from 'ora';
import type { Event } from '../../domain/events.ts';
import { formatTime } from '../../domain/quantities.ts';
import { visible } from '../../domain/visible.ts';
import { render } from '../style.ts';
import { endedLine, planText, progressText, warningLines } from './messages.ts';
import { createPlan } from './plan.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { createTurns } from './turns.ts';

/** Milliseconds between updates of the running times. */
const REFRESH = 200;

/** Maximum number of tasks drawn at once, to fit on a small terminal. */
const MOST_SHOWN = 8;

/** Minimum width of a title, in columns. */
const SHORTEST_TITLE = 8;

interface Running {
  readonly title: string;
  readonly start: number;
  readonly lastTime?: number;
  readonly parent?: string;
  step?: string;
  progress?: string;
}

/** Draws running tasks below the lines of ended ones: title, step, amount, elapsed time and last time. */
export function createTerminalReporter({ stderr, verbose }: ReporterOptions): Reporter {
  const { style, stream } = stderr;
  const running = new Map<string, Running>();
  const plan = createPlan();
  let ended = 0;
  // The text already contains colours, and reading the keyboard would keep Ctrl-C from the process.
  const spinner = ora({ stream, discardStdin: false, isEnabled: true, color: false });

  const draw = (): void => {
    const now = performance.now();
    const tasks = [...running.values()].filter(({ parent }) => verbose || parent === undefined);
    if (tasks.length === 0) {
      spinner.stop();
      return;
    }
    const width = Math.max(20, (stream.columns ?? 80) - 4);
    const shown = tasks.slice(0, MOST_SHOWN).map((task) => describe(task, now, width));
    const hidden = tasks.length - shown.length;
    const done = planText(plan, now, ended);
    const whole = `${done} · ${tasks.length} running`;
    const summary = whole.length <= width ? whole : shorten(done, width);
    spinner.text = [render(style.dim(summary)), ...shown, ...(hidden > 0 ? [`and ${hidden} more`] : [])].join(
      '\n  ',
    );
    if (!spinner.isSpinning) spinner.start();
  };
  const line = (text: string): void => {
    spinner.clear();
    stderr.line(text);
    if (spinner.isSpinning) spinner.render();
  };
  const turns = createTurns(line);
  const timer = setInterval(draw, REFRESH);
  timer.unref();

  const start = (event: Extract<Event, { readonly type: 'task-started' }>): void => {
    const { task, title, lastTime, parent } = event;
    const now = performance.now();
    plan.start(task, now);
    running.set(task, {
      title,
      start: now,
      ...(lastTime === undefined ? {} : { lastTime }),
      ...(parent === undefined ? {} : { parent }),
    });
  };

  const emit = (event: Event): void => {
    if (event.type === 'warning') {
      warningLines(event, style).forEach(line);
      return;
    }
    if (event.type === 'tasks-planned') {
      plan.add(event);
      return;
    }
    if (event.type === 'task-started') {
      start(event);
      return;
    }
    const task = running.get(event.task);
    if (task === undefined) return;
    switch (event.type) {
      case 'task-progress':
        task.progress = progressText(event);
        return;
      case 'task-step':
        task.step = event.step;
        if (verbose) turns.print(event.task, `${style.dim(`${event.task} >`)} ${event.step}`);
        return;
      case 'task-output':
        if (verbose) turns.print(event.task, `${style.dim(`${event.task} |`)} ${event.line}`);
        return;
      case 'task-ended':
        running.delete(event.task);
        plan.end(event.task, performance.now());
        turns.end(event.task);
        if (task.parent === undefined) ended += 1;
        if (verbose || (event.outcome !== 'reused' && task.parent === undefined))
          line(endedLine(task.title, event, style));
        draw();
    }
  };
  return {
    emit,
    close: () => {
      clearInterval(timer);
      running.clear();
      spinner.stop();
    },
  };
}

/**
 * A task on one line. If it is too long, drops the last time, then the elapsed time and the amount if the title then
 * fits; otherwise shortens the title. Keeps the step.
 */
function describe({ title, step, progress, start, lastTime }: Running, now: number, width: number): string {
  const time = formatTime(now - start);
  const last = lastTime === undefined ? '' : ` of about ${formatTime(lastTime)}`;
  const name = visible(title);
  const detailsOf = (parts: readonly (string | undefined)[]): string =>
    parts.flatMap((part) => (part === undefined ? [] : ` · ${visible(part)}`)).join('');
  const details = detailsOf([step, progress, time]);
  const forms = [`${details}${last}`, details, detailsOf([step, progress]), detailsOf([step ?? progress])];
  const fitting = forms.find((form) => name.length + form.length <= width);
  if (fitting !== undefined) return `${name}${fitting}`;
  return shorten(`${shorten(name, Math.max(SHORTEST_TITLE, width - details.length))}${details}`, width);
}

function shorten(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
