import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import type { Step } from '../domain/recipe.ts';
import { expandVariables } from '../domain/variables.ts';
import { run } from '../io/process.ts';
import type { WorkDirectories } from './environment.ts';

/** How many of its last lines a failed step shows. */
const TAIL = 25;

export interface StepContext {
  /** Name of the component, for messages. */
  readonly component: string;
  readonly directories: WorkDirectories;
  readonly environment: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  /** Programs put before every step's own, for example what takes the network away. */
  readonly wrapper: readonly string[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Runs the steps one after another with their output in the log. The first that fails throws `KSB_BUILD_FAILED` with
 * its last lines, the log and the way into the work directory.
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
  await writeEntry({ directories, directory, environment });

  const log = createLog(directories.log);
  const tail: string[] = [];
  log.write(`==> ${step.name}: ${argv.map(quote).join(' ')}`);
  const result = await run([...context.wrapper, ...argv], {
    directory,
    environment,
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
  throw new KsbundleError({
    code: 'KSB_BUILD_FAILED',
    exitCode: ExitCode.failed,
    message: `${context.component}: the step "${step.name}" failed`,
    why: describeEnd(result),
    details: tail,
    hint: `read ${directories.log}, or look around where it failed: sh ${quote(path.join(directories.work, 'enter.sh'))}`,
  });
}

function describeEnd(result: Awaited<ReturnType<typeof run>>): string {
  if (result.failedToStart !== undefined) return `its program could not be started (${result.failedToStart})`;
  if (result.signal !== undefined) return `it was ended by ${result.signal}`;
  return `it ended with exit code ${result.exitCode}`;
}

/** Appends lines to the log in the order they were written, without holding them in memory; `flush` throws what failed. */
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

/** Writes the script that opens a shell as the step saw the world. */
async function writeEntry(step: {
  readonly directories: WorkDirectories;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<void> {
  const assignments = Object.entries(step.environment).map(([name, value]) => `${name}=${quote(value)}`);
  await writeFile(
    path.join(step.directories.work, 'enter.sh'),
    `cd ${quote(step.directory)} && exec env -i TERM="$TERM" ${assignments.join(' ')} sh\n`,
  );
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
