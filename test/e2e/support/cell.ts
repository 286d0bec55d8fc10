import path from 'node:path';
import type { RunResult } from '../../../src/io/process.ts';
import { CELL, startCell, type CellOptions, type Machine } from './machine.ts';

const STATE = path.join(import.meta.dirname, 'instance-state.py');

/** The releases that a cell has. */
export type ReleaseAge = 'present' | 'former';

/** A command of a release in a cell, on its default instance. */
export interface Command {
  readonly of: ReleaseAge;
  readonly parameters: readonly string[];
}

/** Runs `use` with a new cell. */
export async function inCell<T>(options: CellOptions, use: (cell: Machine) => Promise<T>): Promise<T> {
  const cell = await startCell(options);
  try {
    return await use(cell);
  } finally {
    await cell.destroy();
  }
}

/** Path of a release in a cell; the instance is below it. */
export function releaseIn(age: ReleaseAge): string {
  return path.join(CELL.site, age);
}

/**
 * Runs a command, under another program if `wrapper` is given. Never throws for a failing one. Starts at bootstrap.sh's
 * last command: the earlier ones change nothing, and checking the same bytes at every point takes a third of the time.
 */
export async function perform(
  cell: Machine,
  { of, parameters }: Command,
  wrapper: readonly string[] = [],
): Promise<RunResult> {
  const release = releaseIn(of);
  const installer = [`${release}/bin/python3`, '-X', 'utf8', '-I', '-B', `${release}/init/installer`];
  return cell.execute([...wrapper, ...installer, ...parameters]);
}

/** Performs a command; throws with its output if it fails. */
export async function accomplish(cell: Machine, command: Command): Promise<RunResult> {
  const result = await perform(cell, command);
  if (result.exitCode === 0) return result;
  throw new Error(
    `bootstrap.sh ${command.parameters.join(' ')} ended with ${result.exitCode}:\n${result.stderr}`,
  );
}

/** The host's path of a file in a cell. */
export function inside(cell: Machine, file: string): string {
  return path.join(cell.root, file);
}

/** All files written in a cell, by path; see instance-state.py. */
export type State = Readonly<Record<string, readonly unknown[]>>;

export interface StateOptions {
  /** Keys and identifiers differ between instances: only their form is compared. */
  readonly fresh: boolean;
  /** Regular expression of paths in an instance to ignore: running daemons write them. */
  readonly volatile: string;
}

export async function stateOf(cell: Machine, { fresh, volatile }: StateOptions): Promise<State> {
  const script = ['-I', '-B', STATE, CELL.written, volatile, ...(fresh ? ['fresh'] : [])];
  const told = await cell.execute([`${releaseIn('present')}/bin/python3`, ...script]);
  if (told.exitCode !== 0) throw new Error(`cannot read what was written: ${told.stderr}`);
  return JSON.parse(told.stdout) as State;
}

/** The differences of two states in a few lines; empty if equal. */
export function differences(expected: State, found: State): string[] {
  const lines = (state: State): Set<string> =>
    new Set(
      Object.entries(state).flatMap(([file, facts]) =>
        facts.map((fact) => `${file}: ${JSON.stringify(fact)}`),
      ),
    );
  const [wanted, present] = [lines(expected), lines(found)];
  return [
    ...[...wanted].filter((line) => !present.has(line)).map((line) => `- ${line}`),
    ...[...present].filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ].slice(0, 10);
}
