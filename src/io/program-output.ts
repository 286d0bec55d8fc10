import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';

export interface ProgramOutputOptions {
  /** File that the program reads as its standard input; none unless told. */
  readonly input?: string;
  /** Completes the sentence "it is needed …". */
  readonly why: string;
  /** The error to throw if the program fails, made of the last thing it said. */
  readonly failed: (reason: string) => Error;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a program of the host writes to its standard output, as it comes. The program is killed if nobody wants the rest. Throws
 * `KSB_HOST_TOOL_MISSING`, the signal's reason, and what `failed` makes. Loads execa only now, as `run` does.
 */
export async function* programOutput(
  argv: readonly [string, ...string[]],
  { input, why, failed, signal }: ProgramOutputOptions,
): AsyncGenerator<Buffer> {
  const [program, ...parameters] = argv;
  const { execa } = await import('execa');
  const child = execa(program, parameters, {
    stdin: input === undefined ? 'ignore' : { file: input },
    buffer: { stdout: false },
    encoding: 'buffer',
    reject: false,
    // Not ours to inherit: XZ_OPT, BZIP2 and ZSTD_CLEVEL change what the programs do.
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const result = await child;
    if (result.isCanceled) signal?.throwIfAborted();
    if (result.exitCode === 0) return;
    const failure: unknown = result;
    if (isErrnoException(failure, 'ENOENT')) throw missingProgram(program, why);
    throw failed(Buffer.from(result.stderr).toString().trim() || `${program} failed`);
  } finally {
    child.kill('SIGKILL');
    await child;
  }
}

function missingProgram(program: string, why: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_HOST_TOOL_MISSING',
    exitCode: ExitCode.hostTool,
    message: `${program} is not installed; it is needed ${why}`,
    hint: `install the package that brings ${program}`,
  });
}
