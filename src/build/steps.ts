import { appendFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import { quoteForShell } from '../domain/quote-for-shell.ts';
import type { Step } from '../domain/recipe.ts';
import { expandVariables } from '../domain/variables.ts';
import type { Command, Confinement, View } from '../io/confinement.ts';
import { run, type RunResult } from '../io/process.ts';
import type { WorkDirectories } from './environment.ts';
import { findMissingProgram } from './missing-program.ts';

/** Number of last lines that are shown of a failed step. */
const TAIL = 25;

export interface StepContext {
  /** Name of the component, for messages. */
  readonly component: string;
  readonly directories: WorkDirectories;
  readonly environment: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly confinement: Confinement;
  /** The part of the file system that a confined step sees. */
  readonly view: View;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Runs the steps one after another and writes their output to the log. The first failed step throws
 * `KSB_BUILD_FAILED` with its last lines, the log, and a command that opens a shell in the work directory.
 */
export async function runSteps(steps: readonly Step[], context: StepContext): Promise<void> {
  await writeFile(context.directories.log, '');
  for (const step of steps) {
    context.signal.throwIfAborted();
    context.emit({ type: 'task-step', task: `build:${context.component}`, step: step.name });
    await runStep(step, context);
  }
}

async function runStep(step: Step, context: StepContext): Promise<void> {
  const { directories, emit, variables } = context;
  const expand = (text: string): string => expandVariables(text, variables);
  const argv =
    step.command.kind === 'argv'
      ? step.command.argv.map(expand)
      : ['sh', '-euc', expand(step.command.script)];
  const environment = {
    ...context.environment,
    ...Object.fromEntries(Object.entries(step.environment).map(([name, value]) => [name, expand(value)])),
  };
  const directory = path.join(directories.source, step.directory);
  const { enter } = context.confinement;
  await writeEntry(directories.entry, (terminal) =>
    enter({ argv: ['sh'], environment: { ...environment, ...terminal }, directory }, context.view),
  );

  const log = createLog(directories.log);
  const tail: string[] = [];
  log.write(`==> ${step.name}: ${argv.map(quoteForShell).join(' ')}`);
  const command = enter({ argv, environment, directory }, context.view);
  const result = await run(command.argv, {
    directory: command.directory,
    environment: command.environment,
    signal: context.signal,
    onLine: (line) => {
      log.write(line);
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
      emit({ type: 'task-output', task: `build:${context.component}`, line });
    },
  });
  await log.flush();
  context.signal.throwIfAborted();
  if (result.exitCode === 0) return;
  const missing = await findMissingProgram(
    [
      ...tail,
      ...(result.failedToStart === 'ENOENT' ? [`env: '${argv[0] ?? ''}': No such file or directory`] : []),
    ],
    environment['PATH'] ?? '',
  );
  throw new KsbundleError({
    code: 'KSB_BUILD_FAILED',
    exitCode: ExitCode.failed,
    message: `${context.component}: the step "${step.name}" failed`,
    why:
      missing === undefined
        ? describeEnd(result)
        : `${describeEnd(result)}; it did not find the program ${missing.name}: a step can use only these programs of the host: ${missing.programs.join(', ')}`,
    details: tail,
    hint: [
      ...(missing === undefined ? [] : [addProgram(missing.name)]),
      `read ${directories.log}, or open a shell in its environment: sh ${quoteForShell(directories.entry)}`,
    ].join('; or '),
  });
}

/** How a recipe can provide a program. */
function addProgram(name: string): string {
  return `build ${name} as a component, add it to "inputs" and call it as \${inputs}/bin/${name}, or put a script beside the recipe, add it to "files" and call it as \${recipe}/${name}`;
}

function describeEnd(result: RunResult): string {
  if (result.failedToStart !== undefined) return `its program did not start (${result.failedToStart})`;
  const signal = result.signal ?? signalOf(result.exitCode);
  if (signal !== undefined) return `it was ended by ${signal}`;
  return `it ended with exit code ${result.exitCode}`;
}

/** The signal in a shell's exit code: the first process of a confinement is a shell. */
function signalOf(exitCode: number | undefined): string | undefined {
  if (exitCode === undefined || exitCode <= 128) return undefined;
  return Object.entries(os.constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}

/**
 * Appends lines to the log in the order of writing, without keeping them in memory; `flush` throws an error of a
 * write.
 */
function createLog(file: string): { write(line: string): void; flush(): Promise<void> } {
  let pending: string[] = [];
  let writing = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  const drain = async (): Promise<void> => {
    const lines = pending;
    pending = [];
    if (lines.length === 0 || failure !== undefined) return;
    try {
      await appendFile(file, `${lines.join('\n')}\n`);
    } catch (error) {
      failure = { error };
    }
  };
  return {
    write(line) {
      pending.push(line);
      if (pending.length === 1) writing = writing.then(drain);
    },
    async flush() {
      await (writing = writing.then(drain));
      if (failure !== undefined) throw failure.error;
    },
  };
}

/** Writes the script that opens a shell in the environment of the step. */
async function writeEntry(
  file: string,
  enter: (terminal: Readonly<Record<string, string>>) => Command,
): Promise<void> {
  const { argv, environment, directory } = enter({ TERM: process.env['TERM'] ?? 'dumb' });
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = [...assignments, ...argv].map(quoteForShell);
  await writeFile(file, `cd ${quoteForShell(directory)} && exec env -i ${words.join(' ')}\n`);
}
