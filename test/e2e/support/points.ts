import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CELL } from './machine.ts';

/**
 * Whose call it is: the installer's, the other release's, that of a program of the bundle's which it waits for, or of a
 * deputy: its child that is the account.
 */
export type Caller = string;
export const INSTALLER = 'installer';
const DEPUTY = 'deputy';
const FORMER_INSTALLER = "the former release's installer";

/**
 * A system call that changes something on disk or among the processes. It is the `number`-th one of its name in its
 * process, of those that name `path` if there is one.
 */
export interface Point {
  readonly caller: Caller;
  readonly call: string;
  readonly number: number;
  readonly path: string;
  /** The file that it changes, for people. */
  readonly file: string;
}

/** Calls that change the set of processes. */
const ON_PROCESSES = ['fork', 'vfork', 'clone', 'clone3', 'kill'];
/** Calls that change a file or a directory; of `openat` those that make one. */
const ON_FILES = `
  openat write pwrite64 writev ftruncate truncate fallocate sendfile copy_file_range fsync fdatasync
  rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat unlink unlinkat rmdir
  chmod fchmod fchmodat chown fchown lchown fchownat utimensat`
  .trim()
  .split(/\s+/);

const PREFIX = 'trace';

/** The command that runs another and writes down, in a file of `directory` for each process, what it changes. */
export function recorder(directory: string): string[] {
  const calls = ['execve', 'prctl', ...ON_FILES, ...ON_PROCESSES].join();
  const target = path.join(directory, PREFIX);
  return ['strace', '-D', '-ff', '--seccomp-bpf', '-y', '-s', '256', '-o', target, '-e', `trace=${calls}`];
}

/**
 * Every point of a run, in the order of its processes; `helpers` are programs by the end of an argument. A call that a
 * process before has made as often with the same path is left out: an injector, which counts for each process, would
 * meet that one instead.
 */
export async function readPoints(directory: string, helpers: readonly string[]): Promise<Point[]> {
  const names = await readdir(directory);
  const ids = names.map((name) => Number(name.slice(PREFIX.length + 1))).sort((a, b) => a - b);
  const points: Point[] = [];
  const seen = new Set<string>();
  for (const id of ids) {
    const trace = await readFile(path.join(directory, `${PREFIX}.${id}`), 'utf8');
    const caller = callerOf(trace, { helpers, isFirst: points.length === 0 });
    const found = caller === undefined ? [] : pointsOf(trace, caller);
    const key = ({ call, path: file, number }: Point): string => [call, file, number].join('\0');
    points.push(...found.filter((point) => caller === INSTALLER || !seen.has(key(point))));
    for (const point of found) seen.add(key(point));
  }
  return points;
}

function callerOf(
  trace: string,
  { helpers, isFirst }: { readonly helpers: readonly string[]; readonly isFirst: boolean },
): Caller | undefined {
  const executes = (program: string): boolean => trace.includes(`${program}"`);
  if (executes('/init/installer')) return isFirst ? INSTALLER : FORMER_INSTALLER;
  const helper = helpers.find(executes);
  // A deputy executes nothing, and asks to be killed with the installer. Children of a database server ask for SIGPWR.
  const isDeputy = !trace.includes('execve(') && trace.includes('PR_SET_PDEATHSIG, SIGKILL');
  return helper ?? (isDeputy ? DEPUTY : undefined);
}

interface Call {
  readonly name: string;
  readonly parameters: string;
  readonly failed: boolean;
}

/** The calls of a trace: `rename("/a", "/b") = 0`. */
function callsOf(trace: string): Call[] {
  return [...trace.matchAll(/^(\w+)\((.*)\)\s+= (-?)\d+/gm)].map(([, name = '', parameters = '', minus]) => ({
    name,
    parameters,
    failed: minus === '-',
  }));
}

/** A path with a time in it, which is another one in the next run. */
const DATED = /\d{8}T\d{6}Z/;

/** What a log says is not part of what a run makes; a call that failed changed nothing. */
function pointsOf(trace: string, caller: Caller): Point[] {
  const counts = new Map<string, number>();
  const count = (key: string): number => {
    const number = (counts.get(key) ?? 0) + 1;
    counts.set(key, number);
    return number;
  };
  return callsOf(trace).flatMap((call) => {
    const { name, failed } = call;
    const ofAll = count(name);
    if (name === 'execve' || (name === 'openat' && !call.parameters.includes('O_CREAT'))) return [];
    const onProcesses = ON_PROCESSES.includes(name);
    const file = onProcesses ? '' : writtenPath(call);
    const ofFile = count(`${name} ${file}`);
    if (failed || (onProcesses ? caller !== INSTALLER : file === '' || file.includes('/instance/log/')))
      return [];
    const number =
      onProcesses || DATED.test(file) ? { number: ofAll, path: '' } : { number: ofFile, path: file };
    return [{ caller, call: name, ...number, file }];
  });
}

/** The first path of the cell's own that a call names, by itself or by a descriptor; of a link its own. */
function writtenPath({ name, parameters }: Call): string {
  // What is written to a pipe may name a path too.
  const named = /write/.test(name) ? (/^\d+<[^>]*>/.exec(parameters)?.[0] ?? '') : parameters;
  const from = name.startsWith('symlink')
    ? named.lastIndexOf(`${CELL.site}/`)
    : named.indexOf(`${CELL.site}/`);
  return from < 0 ? '' : (/^[^">]+/.exec(named.slice(from))?.[0] ?? '');
}

/** Files that get their name when they are whole; the next run begins them anew. */
const TEMPORARY = /\.(ksb-)?tmp$/;
/** Databases that nobody reads after a cut: the next run removes them before it makes others. */
const UNNAMED = /\.db\.new|\/\.upgrading\/|\/tmp\/|\/restoring\//;

/** Points of which each leaves what the next run removes, or takes back, first: whatever is in it. */
const ALIKE: readonly ((point: Point) => boolean)[] = [
  // SQLite's writes into a database that has no name yet.
  ({ caller, call, file }) =>
    (call === 'pwrite64' || (call === 'unlink' && caller !== INSTALLER)) && UNNAMED.test(file),
  // What SQLite writes down of a database before it changes that.
  ({ call, file }) => call === 'pwrite64' && file.endsWith('.db-journal'),
  // What is unpacked from a backup, until it gets its name in the instance.
  ({ call, file }) => file.includes('/restoring/') && (call !== 'rename' || TEMPORARY.test(file)),
];

/**
 * Points that find something different on disk: a process that is killed leaves the same with and without a sync, what
 * it opened is seen by the next call, and so are the rights of a temporary file. Of those that are all alike a dozen.
 */
export function changingPoints(points: readonly Point[]): readonly Point[] {
  const changing = points.filter(
    ({ call, file }) =>
      call !== 'openat' && !call.endsWith('sync') && !(/^f?ch(mod|own)$/.test(call) && TEMPORARY.test(file)),
  );
  const alike = ALIKE.map((isOne) => changing.filter(isOne));
  const chosen = new Set(alike.flatMap((group) => spread(group, 12)));
  const left = new Set(alike.flat().filter((point) => !chosen.has(point)));
  return changing.filter((point) => !left.has(point));
}

const FILLING = new Set(
  'write pwrite64 writev fallocate ftruncate truncate sendfile copy_file_range'.split(' '),
);

/**
 * Points where a disk that is full from then on makes a difference: what writes next, or a process that may. Between
 * two of them the same call fails.
 */
export function fillingPoints(points: readonly Point[]): readonly Point[] {
  return changingPoints(points).filter(({ call }) => FILLING.has(call) || ON_PROCESSES.includes(call));
}

/** At most `count` items, from the middles of as many equal parts. */
export function spread<T>(items: readonly T[], count: number): readonly T[] {
  const parts = Math.min(count, items.length);
  const middle = (part: number): number => Math.floor(((part + 0.5) * items.length) / parts);
  const places = new Set(Array.from({ length: parts }, (_, part) => middle(part)));
  return items.filter((_, index) => places.has(index));
}

export function describePoint({ caller, call, number, file }: Point): string {
  return `${caller}: ${call} ${number} ${file.replace(DATED, 'TIME')}`.trim();
}

/** What the injector says of what it did. */
export const INJECTED = '/mnt/injected';

/** The command that runs another and disturbs it at the point; `injection` is as strace's `inject=` takes it. */
export function injector({ caller, call, number, path: file }: Point, injection: string): string[] {
  const rules = [`trace=${call}`, `inject=${call}:${injection}:when=${number}`].flatMap((rule) => [
    '-e',
    rule,
  ]);
  // Not with --seccomp-bpf: signals that are injected get lost there.
  const forks = caller === INSTALLER ? [] : ['-D', '-f'];
  const filter = file === '' ? [] : ['-P', file];
  return ['strace', '-o', INJECTED, ...forks, ...filter, ...rules];
}
