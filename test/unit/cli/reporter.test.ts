import { clearLine, cursorTo, moveCursor } from 'node:readline';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createConsole, type OutputStream } from '../../../src/cli/console.ts';
import { formatBytes, formatTime } from '../../../src/domain/quantities.ts';
import { chooseReporter } from '../../../src/cli/reporter/choose.ts';
import type { Event } from '../../../src/domain/events.ts';

interface Watch {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly format?: 'ndjson' | 'text';
  readonly environment?: Record<string, string>;
}

/** A stream with the properties of a terminal: `isTTY`, a width, and a cursor that escape sequences move. */
function createTerminal(columns: number): OutputStream {
  const stream = new PassThrough();
  return Object.assign(stream, {
    isTTY: true,
    columns,
    clearLine: (direction: -1 | 0 | 1) => clearLine(stream, direction),
    cursorTo: (x: number) => cursorTo(stream, x),
    moveCursor: (x: number, y: number) => moveCursor(stream, x, y),
  });
}

/** All output of a reporter for the events, as one text. */
async function report(events: readonly Event[], watch: Watch = {}): Promise<string> {
  const stream = watch.terminal === true ? createTerminal(watch.columns ?? 60) : new PassThrough();
  const chunks: string[] = [];
  stream.on('data', (chunk) => chunks.push(String(chunk)));
  const { stderr } = createConsole({
    stdout: new PassThrough(),
    stderr: stream,
    environment: watch.environment ?? {},
    color: undefined,
  });
  const { format = 'text', quiet = false, verbose = false } = watch;
  const reporter = await chooseReporter({ stderr, format, quiet, verbose });
  for (const event of events) reporter.emit(event);
  reporter.close();
  return chunks.join('');
}

const started = (task: string, lastTime?: number): Event => ({
  type: 'task-started',
  task,
  title: task.replace(':', ' '),
  ...(lastTime === undefined ? {} : { lastTime }),
});
const ended = (task: string, outcome: 'done' | 'reused' | 'failed' = 'done'): Event => ({
  type: 'task-ended',
  task,
  outcome,
  time: 1500,
});
const output = (task: string, line: string): Event => ({ type: 'task-output', task, line });
const step = (task: string, name: string): Event => ({ type: 'task-step', task, step: name });

describe('the reporter for logs and pipes', () => {
  it('prints start and end of tasks, and how long they took last time', async () => {
    const text = await report([
      started('build:zlib', 61_000),
      step('build:zlib', 'compile'),
      ended('build:zlib'),
    ]);
    expect(text).toBe('> build zlib (last time 1 min 1 s)\n✓ build zlib (1.5 s)\n');
  });

  it('does not mention reused tasks, unless verbose', async () => {
    const events = [started('build:zlib'), ended('build:zlib', 'reused')];
    expect(await report(events)).toBe('');
    expect(await report(events, { verbose: true })).toBe('= build zlib reused (1.5 s)\n');
  });

  it('never interleaves the lines of tasks that run side by side', async () => {
    const events = [
      ...['build:a', 'build:b', 'build:c'].map((task) => started(task)),
      output('build:a', 'a1'),
      output('build:b', 'b1'),
      output('build:c', 'c1'),
      output('build:a', 'a2'),
      output('build:c', 'c2'),
      ended('build:c'),
      output('build:b', 'b2'),
      ended('build:a'),
      output('build:b', 'b3'),
      ended('build:b'),
    ];
    const printed = (await report(events, { verbose: true }))
      .split('\n')
      .filter((line) => line.includes(' | '));
    expect(printed.map((line) => line.slice(-2))).toEqual(['a1', 'a2', 'c1', 'c2', 'b1', 'b2', 'b3']);
  });

  it('shows warnings with hints', async () => {
    expect(await report([{ type: 'warning', message: 'slow', hint: 'hurry' }])).toBe(
      'warning: slow\n  hint: hurry\n',
    );
  });

  it('hides credentials', async () => {
    const text = await report([{ type: 'warning', message: 'no answer from https://me:secret@127.0.0.1/x' }]);
    expect(text).toBe('warning: no answer from https://***@127.0.0.1/x\n');
  });

  it('prints how much there is to do, and how long it takes', async () => {
    const planned: Event = {
      type: 'tasks-planned',
      tasks: [
        { task: 'build:a', time: 180_000 },
        { task: 'build:b', time: 60_000 },
        { task: 'build:c', time: 160_000 },
      ],
      jobs: 2,
    };
    expect(await report([planned])).toBe('3 tasks, about 3 min 20 s\n');
    expect(await report([{ ...planned, jobs: 8 }])).toBe('3 tasks, about 3 min 0 s\n');
  });

  it('folds the small parts of a task into it', async () => {
    const events: readonly Event[] = [
      started('fetch:all'),
      ...['a', 'b'].flatMap((name): Event[] => [
        { type: 'task-started', task: `fetch:${name}`, title: `fetch ${name}`, parent: 'fetch:all' },
        { type: 'task-progress', task: `fetch:${name}`, done: 1, unit: 'bytes' },
        ended(`fetch:${name}`, name === 'a' ? 'done' : 'failed'),
      ]),
      ended('fetch:all'),
    ];
    expect(await report(events)).toBe('> fetch all\n✓ fetch all (1.5 s)\n');
    expect(await report(events, { verbose: true })).toContain('✗ fetch b failed (1.5 s)\n');
  });

  it('is silent with quiet, except about signs of an attack', async () => {
    const events: Event[] = [started('a'), output('a', 'x'), { type: 'warning', message: 'w' }, ended('a')];
    expect(await report(events, { quiet: true })).toBe('');
    const warning = { type: 'warning', message: 'refused', hint: 'look' } as const;
    expect(await report([warning], { quiet: true })).toBe('');
    expect(await report([{ ...warning, grave: true }], { quiet: true })).toBe(
      'warning: refused\n  hint: look\n',
    );
  });
});

describe('the reporter of events', () => {
  it('writes each unchanged, one JSON object per line', async () => {
    const events = [started('a'), output('a', 'two\nlines'), ended('a')];
    const lines = (await report(events, { format: 'ndjson', terminal: true })).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events);
  });
});

describe('the reporter on a terminal', () => {
  const events: Event[] = [
    started('fetch:zlib'),
    started('build:openssl', 200_000),
    { type: 'task-progress', task: 'fetch:zlib', done: 1_200_000, total: 3_400_000, unit: 'bytes' },
    step('build:openssl', 'configure'),
    ended('fetch:zlib'),
  ];

  it('draws step, bytes and last time of running tasks', async () => {
    const text = stripVTControlCharacters(
      await report([...events, started('x:y'), ended('x:y', 'failed')], { terminal: true }),
    );
    expect(text).toContain('✓ fetch zlib (1.5 s)');
    expect(text).toMatch(/build openssl · configure · \d\.\d s of about 3 min 20 s/);
    expect(text).toContain('1 done · 1 running');
    expect(text).toContain('✗ x y failed (1.5 s)');
  });

  it('counts planned tasks, and folds the small parts of a task', async () => {
    const text = stripVTControlCharacters(
      await report(
        [
          {
            type: 'tasks-planned',
            tasks: ['build:a', 'build:b', 'build:c'].map((task) => ({ task, time: 60_000 })),
            jobs: 1,
          },
          started('build:a'),
          started('build:b'),
          { type: 'task-started', task: 'fetch:x', title: 'fetch x', parent: 'build:b' },
          { type: 'task-progress', task: 'build:b', done: 12, total: 138, unit: 'files' },
          ended('build:a'),
        ],
        { terminal: true },
      ),
    );
    expect(text).toContain('1 of 3 · about 2 min 0 s left · 1 running');
    expect(text).toContain('build b · 12 of 138 files · ');
    expect(text).not.toContain('fetch x');
  });

  it.each([40, 80, 120])('keeps the step in sight in %d columns', async (columns) => {
    const title = 'a-component-with-a-rather-long-name 3.13.15';
    const drawn = stripVTControlCharacters(
      await report(
        [
          { type: 'task-started', task: 'build:x', title, lastTime: 61_000 },
          step('build:x', 'configure'),
          started('build:y'),
          ended('build:y'),
        ],
        { terminal: true, columns },
      ),
    );
    const shown = drawn.split('\n').find((line) => line.includes('configure')) ?? '';
    expect(shown).toMatch(/^ *a-component-.* · configure · \d\.\d s/);
    expect(shown.length).toBeLessThanOrEqual(columns);
    expect(shown.includes('of about 1 min 1 s')).toBe(columns > 80);
  });

  it('shortens no title in 40 columns that fits beside the step, and counts whole words', async () => {
    const drawn = stripVTControlCharacters(
      await report(
        [
          { type: 'tasks-planned', tasks: [{ task: 'build:y', time: 292_000 }], jobs: 1 },
          { type: 'task-started', task: 'build:zig', title: 'zig 0.17.0' },
          step('build:zig', 'unpack the compiler'),
          started('build:x'),
          ended('build:x'),
        ],
        { terminal: true, columns: 40 },
      ),
    );
    expect(drawn).toMatch(/^ *zig 0\.17\.0 · unpack the compiler$/mu);
    expect(drawn).toMatch(/0 of 1 · about 4 min 52 s left$/mu);
  });

  it('overwrites nothing on a dumb terminal', async () => {
    const text = await report(events, { terminal: true, environment: { TERM: 'dumb' } });
    expect(text).toBe(stripVTControlCharacters(text));
    expect(text).toContain('✓ fetch zlib (1.5 s)\n');
  });

  it('has no colour with NO_COLOR', async () => {
    const text = await report([{ type: 'warning', message: 'w' }], {
      terminal: true,
      environment: { NO_COLOR: '1' },
    });
    expect(text).not.toContain('\u001B[33m');
    expect(await report([{ type: 'warning', message: 'w' }], { terminal: true })).toContain('\u001B[33m');
  });
});

describe('foreign text', () => {
  const hostile = 'x\u001B]0;owned\u0007\u009B2J\u202E\nerror: y\u001B[31m';
  const shown = String.raw`x\x1b]0;owned\x07\x9b2J\u202e\x0aerror: y\x1b[31m`;
  const events: readonly Event[] = [
    { type: 'warning', message: hostile, hint: hostile },
    { type: 'task-started', task: hostile, title: hostile },
    step(hostile, hostile),
    output(hostile, hostile),
    ended(hostile, 'failed'),
    { type: 'task-started', task: 'y', title: hostile },
    step('y', hostile),
    ended('y'),
  ];
  /** Escape sequences that ksbundle itself sends to a terminal: colours and cursor positions. */
  const OWN = /^\[(?:(?:[12]|22|3[1-9])m|[0-9]+[AG]|\?25[lh]|[01]?K)/;

  it.each([{}, { terminal: true }])('never reaches a terminal as it is: %j', async (watch) => {
    const text = await report(events, { verbose: true, ...watch });
    expect(text.split(shown).length).toBeGreaterThan(6);
    const [first = '', ...others] = text.split('\u001B');
    expect(others.filter((piece) => !OWN.test(piece))).toEqual([]);
    for (const piece of [first, ...others]) expect(piece).toMatch(/^(?:[^\p{Cc}\u202E]|\n)*$/u);
    expect(text).not.toContain('y\u001B[31m');
  });

  it('is JSON of the same value in events', async () => {
    const text = await report(events, { format: 'ndjson' });
    expect(text).toMatch(/^(?:[^\p{Cc}\u202E]|\n)*$/u);
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(events);
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
  [9950, '10 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [37_400_000, '37 MB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [300, '0.3 s'],
  [9940, '9.9 s'],
  [59_400, '59 s'],
  [59_600, '1 min 0 s'],
  [3_900_000, '1 h 5 min'],
])('%d ms are %s', (time, text) => expect(formatTime(time)).toBe(text));
