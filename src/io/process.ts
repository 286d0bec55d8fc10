import { isErrnoException } from '../domain/errors.ts';

export interface RunOptions {
  readonly directory?: string;
  /** The whole environment; with `extendEnvironment`, additions to that of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly extendEnvironment?: boolean;
  /** Called with each line of standard output and standard error, in order of arrival. */
  readonly onLine?: (line: string) => void;
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** Time limit in milliseconds, after which the process group is killed. */
  readonly timeout?: number;
}

export interface RunResult {
  /** Undefined if a signal ended it or it did not start. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Set if the program did not start. */
  readonly failedToStart?: string;
}

/**
 * Runs a program to its end in its own process group, which is killed when `signal` aborts or the time limit is
 * reached. Never throws if the program fails: check `exitCode`. Loads execa only now, because that takes a third of the
 * start of the command line.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...parameters] = argv;
  if (program === undefined) throw new TypeError('run: empty argv');
  const { execa } = await import('execa');
  const child = execa(program, parameters, {
    cwd: options.directory ?? process.cwd(),
    env: options.environment ?? {},
    extendEnv: options.environment === undefined || options.extendEnvironment === true,
    reject: false,
    detached: true,
    cleanup: false,
    all: true,
    buffer: options.onLine === undefined,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.input === undefined ? {} : { input: options.input }),
    maxBuffer: 1 << 28,
    stripFinalNewline: true,
  });
  const kill = (): void => killGroup(child.pid);
  const timer = options.timeout === undefined ? undefined : setTimeout(kill, options.timeout);
  options.signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  try {
    if (options.signal?.aborted === true) kill();
    if (options.onLine !== undefined) {
      for await (const line of child.iterable({ from: 'all' })) options.onLine(line);
    }
    const result = await child;
    const failure = result instanceof Error && isErrnoException(result) ? result.code : undefined;
    return {
      exitCode: result.exitCode,
      signal: result.signal,
      stdout: typeof result.stdout === 'string' ? result.stdout : '',
      stderr: typeof result.stderr === 'string' ? result.stderr : '',
      ...(failure !== undefined && result.exitCode === undefined && result.signal === undefined
        ? { failedToStart: failure }
        : {}),
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', kill);
    process.off('exit', kill);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isErrnoException(error, 'ESRCH')) throw error;
  }
}
