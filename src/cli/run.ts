import type { Readable } from 'node:stream';
import type { Emit } from '../domain/events.ts';
import type { Call, CommandResult } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { createConsole, type Channel, type Console, type OutputStream } from './console.ts';
import type { Environment } from './environment.ts';
import { failureDocument, failureOf, formatFailure, type Failure } from './failure.ts';
import { helpLines, shortHelpLines } from './help.ts';
import { interruptionOf } from './interruption.ts';
import { packageVersion } from '../io/package-info.ts';
import { interpret, parseArguments, wants, type Parsed, type Request } from './parse.ts';
import type { ContextOptions, Pipeline } from '../pipeline.ts';
import { chooseReporter } from './reporter/choose.ts';
import { misspeltVariables, readSettings, type Settings } from './settings.ts';

/** The parts of the process that a run uses. */
export interface Host {
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Environment;
  /** Working directory. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Rejects with an error that nobody awaits. */
  readonly crash: Promise<never>;
  readonly pipeline: Pipeline;
}

type RunRequest = Extract<Request, { readonly kind: 'run' }>;

/** Runs one command line to its end and returns the exit code. Results go to stdout, everything else to stderr. */
export async function runCli(argv: readonly string[], host: Host): Promise<number> {
  const parsed = parseArguments(argv);
  const { stdout, stderr, environment } = host;
  const color = parsed.options['color'] !== false;
  const console = createConsole({ stdout, stderr, environment, color });
  try {
    const request = interpret(parsed);
    if (request.kind === 'run') {
      return await Promise.race([runCommand(request, host, console), host.crash]);
    }
    if (request.kind === 'version') return await printVersion(parsed, console);
    return printHelp(request, console);
  } catch (error) {
    const failure = failureOf(error, interruptionOf(host.signal));
    await reportFailure(failure, { argv, parsed, host, console });
    return failure.exitCode;
  }
}

async function runCommand(request: RunRequest, host: Host, console: Console): Promise<number> {
  const { flags, command } = request;
  const settings = await readSettings({ flags, environment: host.environment, directory: host.directory });
  const reporter = await chooseReporter({
    format: flags.events === 'ndjson' ? 'ndjson' : 'text',
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
    stderr: console.stderr,
  });
  try {
    warnOfMisspeltVariables(host.environment, reporter.emit);
    const { run } = await command.load();
    const result = await run(createCall(request, settings, { host, emit: reporter.emit }));
    host.signal.throwIfAborted();
    reporter.close();
    printResult(result, console.stdout, flags.json === true);
    return result.exitCode ?? 0;
  } finally {
    reporter.close();
  }
}

function createCall(
  { positionals, flags }: RunRequest,
  settings: Settings,
  { host, emit }: { readonly host: Host; readonly emit: Emit },
): Call {
  const { stdin, signal, pipeline } = host;
  const options: ContextOptions = {
    platform: settings.platform,
    jobs: settings.jobs,
    offline: settings.offline,
    mirrors: settings.mirrors,
    cacheDirectory: settings.cache,
    outDirectory: settings.out,
    recipesDirectory: settings.recipes,
    lockfilesDirectory: settings.lockfiles,
    emit,
    signal,
  };
  return {
    positionals,
    flags,
    settings,
    stdin,
    directory: host.directory,
    emit,
    signal,
    pipeline,
    commands: COMMANDS,
    options,
    open: async () => ({ pipeline, context: await pipeline.openContext(options) }),
  };
}

function printResult({ data, lines }: CommandResult, stdout: Channel, json: boolean): void {
  if (json) stdout.json(data, 2);
  else lines.forEach(stdout.line);
}

async function printVersion(parsed: Parsed, { stdout }: Console): Promise<number> {
  const version = await packageVersion();
  printResult({ data: { version }, lines: [version] }, stdout, wants(parsed, 'json'));
  return 0;
}

function printHelp(
  { topic, asked }: Extract<Request, { readonly kind: 'help' }>,
  { stdout, stderr }: Console,
): number {
  if (asked) helpLines(topic, stdout.style).forEach(stdout.line);
  else shortHelpLines(stderr.style).forEach(stderr.line);
  return asked ? 0 : 2;
}

function warnOfMisspeltVariables(environment: Environment, emit: Emit): void {
  for (const { name, meant } of misspeltVariables(environment)) {
    emit({
      type: 'warning',
      message: `unknown environment variable ${name}`,
      hint: `did you mean ${meant}?`,
    });
  }
}

interface FailureContext {
  readonly argv: readonly string[];
  readonly parsed: Parsed;
  readonly host: Host;
  readonly console: Console;
}

async function reportFailure(
  failure: Failure,
  { argv, parsed, host, console }: FailureContext,
): Promise<void> {
  const { stdout, stderr } = console;
  if (wants(parsed, 'json')) stdout.json(failureDocument(failure), 2);
  if (parsed.options['events'] === 'ndjson') {
    stderr.json({ type: 'error', ...failureDocument(failure) });
    return;
  }
  formatFailure(failure, stderr.style).forEach(stderr.line);
  if (failure.bug === undefined) return;
  if (wants(parsed, 'verbose') && failure.bug instanceof Error) {
    failure.bug.stack?.split('\n').forEach(stderr.line);
  }
  const { writeBugReport } = await import('./bug-report.ts');
  const report = await writeBugReport(failure.bug, { argv, environment: host.environment });
  if (report !== undefined) stderr.line(`  the details are in ${report}`);
  stderr.line('  This is a bug in ksbundle. Please report it as CONTRIBUTING.md describes, with that file.');
}
