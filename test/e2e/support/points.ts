import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CELL } from './machine.ts';

/**
 * The caller: the installer, the other release's, a program of the bundle that it waits for, or a deputy, its child
 * with the account's rights.
 */
export type Caller = string;
export const INSTALLER = 'installer';
const DEPUTY = 'deputy';
const FORMER_INSTALLER = "the former release's installer";

/**
 * A system call that changes something on disk, among the processes or on a server. It is the `number`-th one of its name in its
 * process, of those that name `path` if there is one.
 */
export interface Point {
  readonly caller: Caller;
  readonly call: string;
  readonly number: number;
  readonly path: string;
  /** The changed file, for messages. */
  readonly file: string;
}

/** Calls that change the set of processes. */
const ON_PROCESSES = ['fork', 'vfork', 'clone', 'clone3', 'kill'];
/** Calls that change a file or a directory; of `openat`, those that create one. */
const ON_FILES = `
  openat write pwrite64 writev ftruncate truncate fallocate sendfile copy_file_range fsync fdatasync
  rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat unlink unlinkat rmdir
  chmod fchmod fchmodat chown fchown lchown fchownat utimensat`
  .trim()
  .split(/\s+/);

/** A program's call to a database server, which may be in the middle of a transaction. */
const TO_SERVERS = ['sendto'];

const PREFIX = 'trace';

/** The command that runs another and records its changes, in a file of `directory` for each process. */
export function recorder(directory: string): string[] {
  const calls = ['execve', 'prctl', ...ON_FILES, ...ON_PROCESSES, ...TO_SERVERS].join();
  const target = path.join(directory, PREFIX);
  return ['strace', '-D', '-ff', '--seccomp-bpf', '-y', '-s', '256', '-o', target, '-e', `trace=${calls}`];
}

/**
 * Every point of a run, in the order of its processes; `helpers` are programs by the end of an argument. Leaves out a
 * call if an earlier process made as many with the same path: an injector, which counts per process, would hit that one
 * instead.
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

/** A path with a time, which differs in the next run. */
const DATED = /\d{8}T\d{6}Z/;

/** Logs are not part of a run's result; a failed call changed nothing. */
function changes({ name, failed }: Call, caller: Caller, file: string): boolean {
  if (failed) return false;
  if (ON_PROCESSES.includes(name)) return caller === INSTALLER;
  // Installers send only requests that ask.
  if (TO_SERVERS.includes(name)) return caller !== INSTALLER && caller !== FORMER_INSTALLER;
  return file !== '' && !file.includes('/instance/log/');
}

function pointsOf(trace: string, caller: Caller): Point[] {
  const counts = new Map<string, number>();
  const count = (key: string): number => {
    const number = (counts.get(key) ?? 0) + 1;
    counts.set(key, number);
    return number;
  };
  return callsOf(trace).flatMap((call) => {
    const { name } = call;
    const ofAll = count(name);
    if (name === 'execve' || (name === 'openat' && !call.parameters.includes('O_CREAT'))) return [];
    const file = ON_PROCESSES.includes(name) || TO_SERVERS.includes(name) ? '' : writtenPath(call);
    const ofFile = count(`${name} ${file}`);
    if (!changes(call, caller, file)) return [];
    const number =
      file === '' || DATED.test(file) ? { number: ofAll, path: '' } : { number: ofFile, path: file };
    return [{ caller, call: name, ...number, file }];
  });
}

/** The first path of the cell's own that a call names, by itself or by a descriptor; of a link its own. */
function writtenPath({ name, parameters }: Call): string {
  // Data written to a pipe may contain a path, too.
  const named = /write/.test(name) ? (/^\d+<[^>]*>/.exec(parameters)?.[0] ?? '') : parameters;
  const from = name.startsWith('symlink')
    ? named.lastIndexOf(`${CELL.site}/`)
    : named.indexOf(`${CELL.site}/`);
  return from < 0 ? '' : (/^[^">]+/.exec(named.slice(from))?.[0] ?? '');
}

/** Files that get their final name when complete; the next run starts again. */
const TEMPORARY = /\.(ksb-)?tmp$/;
/** Databases that are not read after an interruption: the next run first removes them. */
const UNNAMED = /\.db\.new|\/\.upgrading\/|\/tmp\/|\/restoring\//;

/** Points whose remains the next run removes or rolls back first, whatever they contain. */
const ALIKE: readonly ((point: Point) => boolean)[] = [
  // SQLite's writes into a database that has no name yet.
  ({ caller, call, file }) =>
    (call === 'pwrite64' || (call === 'unlink' && caller !== INSTALLER)) && UNNAMED.test(file),
  // SQLite's rollback journal.
  ({ call, file }) => call === 'pwrite64' && file.endsWith('.db-journal'),
  // Statements of a transaction that is not yet committed, most of them.
  ({ call }) => TO_SERVERS.includes(call),
  // Files from a backup, before they are moved into the instance.
  ({ call, file }) => file.includes('/restoring/') && (call !== 'rename' || TEMPORARY.test(file)),
];

/**
 * Points with different states on disk: a killed process leaves the same with and without a sync; opened files and
 * rights of temporary files show in the next call. Only a dozen of equal ones.
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
 * Points where a full disk makes a difference: a write, or a process that may write. Between two of them the same call
 * fails.
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

/** The injector's report. */
export const INJECTED = '/mnt/injected';

/** The command that runs another and disturbs it at the point; `injection` has the form of strace's `inject=`. */
export function injector({ caller, call, number, path: file }: Point, injection: string): string[] {
  const rules = [`trace=${call}`, `inject=${call}:${injection}:when=${number}`].flatMap((rule) => [
    '-e',
    rule,
  ]);
  // Not with --seccomp-bpf, which loses injected signals.
  const forks = caller === INSTALLER ? [] : ['-D', '-f'];
  const filter = file === '' ? [] : ['-P', file];
  return ['strace', '-o', INJECTED, ...forks, ...filter, ...rules];
}
