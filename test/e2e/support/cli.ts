import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { run, type RunResult } from '../../../src/io/process.ts';

export const ROOT = path.join(import.meta.dirname, '../../..');
const MAIN = path.join(ROOT, 'dist/cli/main.js');

export interface CliOptions {
  /** Additions to the tests' environment, which has no ksbundle settings. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** The setting that names the mirror of sources that the tests were given. */
export function mirrorOfTests(): Record<string, string> {
  const mirror = process.env['KSBUNDLE_MIRROR'];
  return mirror === undefined ? {} : { KSBUNDLE_MIRROR: mirror };
}

/** Runs the command line as it is installed, to its end. */
export async function ksbundle(parameters: readonly string[], options: CliOptions = {}): Promise<RunResult> {
  return run([process.execPath, MAIN, ...parameters], {
    environment: environmentOf(options),
    directory: options.directory ?? ROOT,
  });
}

/** Starts the command line in a new process group, as a shell does. */
export function startKsbundle(parameters: readonly string[], options: CliOptions = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...parameters], {
    env: environmentOf(options),
    cwd: options.directory ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

function environmentOf({ environment = {} }: CliOptions): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^KSBUNDLE_|_proxy$/i.test(entry[0]),
  );
  return { ...Object.fromEntries(inherited), ...environment };
}
