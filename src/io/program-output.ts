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
  /** Creates the error to throw if the program fails, from its last message. */
  readonly failed: (reason: string) => Error;
  /** A spool file for the output, instead of a pipe. */
  readonly spool?: Spool;
  readonly confinement: Confinement;
  /** Absolute paths that it can read besides the system if it is confined. */
  readonly readable?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * A file that is read while the program writes it. The program never waits for this process, and its output arrives in
 * large pieces.
 */
export interface Spool {
  /** A new file. */
  readonly file: string;
  /** Limit for the output, in bytes. The program is killed if it writes more. */
  readonly most: number;
}

/**
 * The standard output of a program of the host while it runs, confined as far as `confinement` allows. The program is
 * killed when the caller stops reading. Throws `KSB_HOST_TOOL_MISSING`, the signal's reason, the error of `failed`, and
 * `ENOSPC` or `EDQUOT` if the spool file cannot grow. Loads execa only now, as `run` does.
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
  // The program must not inherit XZ_OPT, BZIP2 and ZSTD_CLEVEL: they change how the programs work.
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
    // Any descriptor is possible, but execa's types contain only the first few.
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

/** Messages of the C library when a file cannot grow. */
const FULL = { ENOSPC: 'No space left on device', EDQUOT: 'Disk quota exceeded' };

/** The error of a program that wrote to a full disk; undefined for any other error. */
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
