import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';

export interface ProgramOutputOptions {
  /** File that the program reads as its standard input; none unless told. */
  readonly input?: string;
  /** Completes the sentence "it is needed …". */
  readonly why: string;
  /** The error to throw if the program fails, made of the last thing it said. */
  readonly failed: (reason: string) => Error;
  /**
   * New file that the program writes to, instead of to a pipe, and that is read as it grows. A lot of output comes sooner so: the
   * program does not wait for us, and 64 KiB at a time do not have to be passed on.
   */
  readonly spool?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a program of the host writes to its standard output, as it comes. The program is killed if nobody wants the rest. Throws
 * `KSB_HOST_TOOL_MISSING`, the signal's reason, and what `failed` makes. Loads execa only now, as `run` does.
 */
export async function* programOutput(
  argv: readonly [string, ...string[]],
  options: ProgramOutputOptions,
): AsyncGenerator<Buffer> {
  const { spool } = options;
  if (spool === undefined) return yield* outputOf(argv, options);
  const handle = await open(spool, 'wx+');
  try {
    yield* outputOf(argv, options, handle);
  } finally {
    await handle.close();
  }
}

async function* outputOf(
  argv: readonly [string, ...string[]],
  { input, why, failed, signal }: ProgramOutputOptions,
  spool?: FileHandle,
): AsyncGenerator<Buffer> {
  const [program, ...parameters] = argv;
  const { execa } = await import('execa');
  const child = execa(program, parameters, {
    stdin: input === undefined ? 'ignore' : { file: input },
    // Any descriptor will do; execa's types know the first few only.
    stdout: spool === undefined ? 'pipe' : (spool.fd as 3),
    buffer: { stdout: false },
    encoding: 'buffer',
    reject: false,
    // Not ours to inherit: XZ_OPT, BZIP2 and ZSTD_CLEVEL change what the programs do.
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  try {
    yield* spool === undefined ? (child.stdout as AsyncIterable<Buffer>) : readGrowing(spool, child);
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

/** Bytes read from a spool file at once. */
const PIECE = 4 << 20;
/** Milliseconds until the size of a spool file is looked at again. */
const INTERVAL = 5;

/** The bytes of a file that grows until `writing` has settled. */
async function* readGrowing(file: FileHandle, writing: Promise<unknown>): AsyncGenerator<Buffer> {
  let isWhole = false;
  const settled = (): void => {
    isWhole = true;
  };
  writing.then(settled, settled);
  for (let position = 0; ;) {
    // Before the size: what is added between the two is read in the next round.
    const isLast = isWhole;
    const length = Math.min((await file.stat()).size - position, PIECE);
    if (length === PIECE || (isLast && length > 0)) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    } else if (isLast) return;
    else await setTimeout(INTERVAL);
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
