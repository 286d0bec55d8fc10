import ora from 'ora';
import type { Event } from '../../domain/events.ts';
import { formatTime } from '../../domain/quantities.ts';
import { visible } from '../../domain/visible.ts';
import { render } from '../style.ts';
import { endedLine, progressText, warningLines } from './messages.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { createTurns } from './turns.ts';

/** Milliseconds between two drawings of the running times. */
const REFRESH = 200;

/** Most tasks that are drawn at once, so that the drawing fits on a small terminal. */
const MOST_SHOWN = 8;

interface Running {
  readonly title: string;
  readonly start: number;
  readonly lastTime?: number;
  step?: string;
  progress?: string;
}

/** Draws what runs now below the lines of what ended: title, step, bytes, time so far and last time. */
export function createTerminalReporter({ stderr, verbose }: ReporterOptions): Reporter {
  const { style, stream } = stderr;
  const running = new Map<string, Running>();
  let ended = 0;
  // Colour is in the text already, and reading the keyboard would take Ctrl-C away from the process.
  const spinner = ora({ stream, discardStdin: false, isEnabled: true, color: false });

  const describe = (task: Running): string => {
    const last = task.lastTime === undefined ? '' : ` of about ${formatTime(task.lastTime)}`;
    const parts = [
      task.title,
      task.step,
      task.progress,
      `${formatTime(performance.now() - task.start)}${last}`,
    ];
    const text = visible(parts.filter((part) => part !== undefined).join(' · '));
    const width = Math.max(20, (stream.columns ?? 80) - 4);
    return text.length > width ? `${text.slice(0, width - 1)}…` : text;
  };
  const draw = (): void => {
    if (running.size === 0) {
      spinner.stop();
      return;
    }
    const shown = [...running.values()].slice(0, MOST_SHOWN).map(describe);
    const hidden = running.size - shown.length;
    const summary = render(style.dim(`${ended} done, ${running.size} running`));
    spinner.text = [summary, ...shown, ...(hidden > 0 ? [`and ${hidden} more`] : [])].join('\n  ');
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

  const emit = (event: Event): void => {
    if (event.type === 'warning') {
      warningLines(event, style).forEach(line);
      return;
    }
    if (event.type === 'task-started') {
      const { title, lastTime } = event;
      running.set(event.task, {
        title,
        start: performance.now(),
        ...(lastTime === undefined ? {} : { lastTime }),
      });
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
        ended += 1;
        turns.end(event.task);
        if (event.outcome !== 'reused' || verbose) line(endedLine(task.title, event, style));
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
