import { formatTime } from '../domain/quantities.ts';
import type { Timeline, TimedTask } from '../domain/timeline.ts';
import { html, type Html } from './html.ts';
import type { StyledHtml } from './treemap.ts';

/** Start and duration of each task of the build, or that they are unknown. */
export function renderTimeline(timeline: Timeline | undefined): StyledHtml {
  const tasks = foldFetches(timeline?.tasks ?? []);
  const end = Math.max(0, ...tasks.map(({ start, time }) => start + time));
  if (end === 0) {
    const content = html`<p>
      Not known: there is no <code>.build.json</code> of this tarball beside it.
      <code>ksbundle build</code> writes one. It describes one build on one machine and is not part of the
      release.
    </p>`;
    return { content, css: '' };
  }
  const percent = (value: number): string => `${((100 * value) / end).toFixed(3)}%`;
  const css = tasks
    .map(({ start, time }, index) => `#task-${index}{margin-left:${percent(start)};width:${percent(time)}}`)
    .join('\n');
  return {
    content: html`<p>${tasks.length} tasks in ${formatTime(end)}.</p>
      <ol class="timeline" aria-label="Tasks of the build, in order of their start">
        ${tasks.map(renderTask)}
      </ol>`,
    css,
  };
}

/** All downloads as one task, at the first one's place, without later checks of the store. */
function foldFetches(tasks: readonly TimedTask[]): readonly TimedTask[] {
  const all = tasks.filter(({ task }) => isFetch(task));
  const worked = all.filter(({ outcome }) => outcome !== 'reused');
  const fetches = worked.length > 0 ? worked : all;
  const [first] = all;
  if (first === undefined) return tasks;
  // The task that contains the files is not a download itself.
  const files = new Set(fetches.map(({ task }) => task).filter((task) => task !== 'fetch:all')).size;
  const start = Math.min(...fetches.map((each) => each.start));
  const failed = fetches.find(({ outcome }) => outcome === 'failed' || outcome === 'interrupted');
  const folded: TimedTask = {
    task: 'fetch:all',
    title: `${files} ${files === 1 ? 'file' : 'files'}`,
    outcome: failed?.outcome ?? (worked.length > 0 ? 'done' : 'reused'),
    start,
    time: Math.max(...fetches.map((each) => each.start + each.time)) - start,
  };
  return tasks.flatMap((task) => (task === first ? [folded] : isFetch(task.task) ? [] : [task]));
}

function isFetch(task: string): boolean {
  return task.startsWith('fetch:');
}

function renderTask({ task, title, outcome, start, time }: TimedTask, index: number): Html {
  const [stage = task] = task.split(':');
  return html`<li>
    <span class="task">${stage} <strong>${title}</strong></span
    ><span class="bar"><span id="task-${index}" class="${outcome}"></span></span
    ><span class="time"
      >${outcome === 'done' ? '' : `${outcome}, `}${formatTime(time)}
      <small>from ${formatTime(start)}</small></span
    >
  </li> `;
}
