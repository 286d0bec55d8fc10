import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';

/** The compiled command line; `npm run compile` makes it. */
export const MAIN = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js');

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Working directory; the tests' own by default. */
  readonly directory?: string;
  /** Called after the process started, with a function that resolves when standard error has the text. */
  readonly during?: (child: ChildProcess, saw: (text: string) => Promise<void>) => Promise<void>;
}

/** Runs a program as a real process, with only PATH of our environment. */
export async function runProgram(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [program = '', ...parameters] = argv;
  const child = spawn(program, parameters, {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...options.environment },
    stdio: 'pipe',
    cwd: options.directory,
  });
  // A program that ended before it read anything.
  child.stdin.on('error', () => undefined);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (text.stderr += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const saw = async (wanted: string): Promise<void> => {
    while (!text.stderr.includes(wanted) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 10));
  };
  if (options.during === undefined) child.stdin.end();
  else await options.during(child, saw);
  const exitCode = await ended;
  return { exitCode, ...text };
}

export async function ksbundle(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runProgram([process.execPath, MAIN, ...argv], options);
}
