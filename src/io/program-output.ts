import { open, type FileHandle } from 'node:fs/promises';
import type { KsbundleError } from '../domain/errors.ts';
import { hostToolMissing } from '../domain/host-tool-missing.ts';
import { directoriesOf, type Confinement } from './confinement.ts';
import { findProgram } from './find-program.ts';
import { readGrowingFile } from './growing-file.ts';

export interface ProgramOutputOptions {
  /** File that the program reads as its standard input; none by default. */
  readonly input?: string;
  /** Completes the sentence "it is needed …". */
  readonly why: string;
  /** The error to throw if the program fails, made of the last thing it said. */
  readonly failed: (reason: string) => Error;
  /** A spool file for the output, instead of a pipe. */
  readonly spool?: Spool;
  readonly confinement: Confinement;
  /** The paths that it sees besides the system if it is confined; absolute. */
  readonly readable?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** A file that is read while the program writes it: the program never waits for us, and its output comes in large pieces. */
export interface Spool {
  /** A new file. */
  readonly file: string;
  /** Bytes that may come; the program is killed when there are more. */
  readonly most: number;
}

/**
 * What a program of the host, shut in as far as `confinement` goes, writes to its standard output, as it comes. The program is killed if nobody wants the rest. Throws
 * `KSB_HOST_TOOL_MISSING`, the signal's reason, what `failed` makes, and `ENOSPC` or `EDQUOT` for a spool that takes no more.
 * Loads execa only now, as `run` does.
 */
export async function* programOutput(
  argv: readonly [string, ...string[]],
  options: ProgramOutputOptions,
): AsyncGenerator<Buffer> {
  const { spool } = options;
  if (spool === undefined) return yield* outputOf(argv, options);
  const handle = await open(spool.file, 'wx+');
  try {
    yield* outputOf(argv, options, { ...spool, handle });
  } finally {
    await handle.close();
  }
}

async function* outputOf(
  argv: readonly [string, ...string[]],
  { input, why, failed, signal, confinement, readable = [] }: ProgramOutputOptions,
  spool?: Spool & { readonly handle: FileHandle },
): AsyncGenerator<Buffer> {
  const [name, ...parameters] = argv;
  // Not ours to inherit: XZ_OPT, BZIP2 and ZSTD_CLEVEL change what the programs do.
  const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  const program = await findProgram(name, environment.PATH);
  if (program === undefined) throw missingProgram(name, why);
  const command = confinement.enter(
    { argv: [program, ...parameters], environment, directory: '/' },
    { readable: [...readable, ...(await directoriesOf([program]))], writable: [] },
  );
  const [entry = program, ...rest] = command.argv;
  const { execa } = await import('execa');
  const child = execa(entry, rest, {
    cwd: command.directory,
    stdin: input === undefined ? 'ignore' : { file: input },
    // Any descriptor will do; execa's types know the first few only.
    stdout: spool === undefined ? 'pipe' : (spool.handle.fd as 3),
    buffer: { stdout: false },
    encoding: 'buffer',
    reject: false,
    extendEnv: false,
    env: command.environment,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  try {
    if (spool === undefined) yield* child.stdout as AsyncIterable<Buffer>;
    else {
      const exceeded = (): Error => failed(`the output is larger than ${spool.most} bytes`);
      yield* readGrowingFile(spool.handle, { writing: child, most: spool.most, exceeded });
    }
    const result = await child;
    if (result.isCanceled) signal?.throwIfAborted();
    if (result.exitCode === 0) return;
    const reason = Buffer.from(result.stderr).toString().trim() || `${name} failed`;
    throw (spool === undefined ? undefined : fullDisk(reason)) ?? failed(reason);
  } finally {
    child.kill('SIGKILL');
    await child;
  }
}

/** The C library's words for what keeps a file from growing. */
const FULL = { ENOSPC: 'No space left on device', EDQUOT: 'Disk quota exceeded' };

/** The error that a program met which wrote to a file; undefined for any but a full disk. */
function fullDisk(reason: string): Error | undefined {
  const met = Object.entries(FULL).find(([, words]) => reason.includes(words));
  return met === undefined ? undefined : Object.assign(new Error(reason), { code: met[0] });
}

function missingProgram(program: string, why: string): KsbundleError {
  return hostToolMissing({
    message: `${program} is not installed; it is needed ${why}`,
    hint: `install the package that contains ${program}`,
  });
}
