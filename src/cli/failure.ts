import { ExitCode, formatPlace, isErrnoException, KsbundleError, type ErrorFacts } from '../domain/errors.ts';
import { explainDiskFull } from '../io/disk.ts';
import type { Interruption } from './interruption.ts';
import type { Style } from './style.ts';

/** A failure as the command line reports it. */
export interface Failure {
  readonly facts: Omit<ErrorFacts, 'exitCode' | 'cause'>;
  readonly exitCode: number;
  /** Set for a bug: the error itself, for its stack. */
  readonly bug?: unknown;
}

/** Descriptions of file system errors that the machine causes, and not a bug. */
const SYSTEM_ERRORS: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  EACCES: {
    why: 'permission was denied',
    hint: 'check owner and mode of that path, or choose another with --out or --cache',
  },
  EPERM: { why: 'the operation is not permitted', hint: 'check owner and mode of that path' },
  EROFS: { why: 'the file system is read-only', hint: 'choose another place with --out or --cache' },
  EMFILE: { why: 'too many files are open', hint: 'raise the limit with ulimit -n, or use fewer --jobs' },
  ENFILE: { why: 'too many files are open on this machine', hint: 'use fewer --jobs' },
  EIO: { why: 'the disk reported an error', hint: 'see the kernel log' },
  ENOTDIR: { why: 'a component of the path is not a directory', hint: 'check the path' },
  EEXIST: {
    why: 'a file or directory of that name already exists',
    hint: 'choose another place with --out or --cache',
  },
  EISDIR: { why: 'the path is a directory', hint: 'check the path' },
};

/** Classifies an error. After an interruption, every error is a consequence of it. */
export function failureOf(error: unknown, interruption: Interruption | undefined): Failure {
  if (interruption !== undefined) {
    const message = `interrupted by ${interruption.signal}; nothing is left half-written; run the same command again to continue`;
    return { facts: { code: 'KSB_INTERRUPTED', message }, exitCode: interruption.exitCode };
  }
  const known = knownError(error);
  if (known !== undefined) {
    const { exitCode, cause: _cause, ...facts } = known.facts;
    return { facts, exitCode };
  }
  const message = `this is a bug in ksbundle: ${error instanceof Error ? error.message : String(error)}`;
  return { facts: { code: 'KSB_BUG', message }, exitCode: ExitCode.bug, bug: error };
}

function knownError(error: unknown): KsbundleError | undefined {
  if (error instanceof KsbundleError) return error;
  if (isErrnoException(error) && error.code !== undefined) {
    const explained = explainDiskFull(error, error.path ?? 'a file');
    if (explained instanceof KsbundleError) return explained;
    const known = SYSTEM_ERRORS[error.code];
    if (known === undefined) return undefined;
    return new KsbundleError({
      code: `KSB_SYSTEM_${error.code}`,
      exitCode: ExitCode.failed,
      message: describeCall(error),
      ...known,
      cause: error,
    });
  }
  return error instanceof Error && error.cause !== undefined ? knownError(error.cause) : undefined;
}

/** What a failed call was for. One with two paths, such as a copy, makes the second; a temporary one will be renamed. */
function describeCall(error: NodeJS.ErrnoException & { readonly dest?: string }): string {
  if (error.dest !== undefined) return `cannot write ${error.dest.replace(/\.\d+\.tmp$/, '')}`;
  return `cannot ${error.syscall ?? 'use'} ${error.path ?? 'a file'}`;
}

/** The failure as lines for the user: what, where, why, what to do. */
export function formatFailure({ facts }: Failure, style: Style): string[] {
  const lines = [`${style.red('error:')} ${style.bold(facts.message)} ${style.dim(`[${facts.code}]`)}`];
  if (facts.place !== undefined) lines.push(`  at ${style.cyan(formatPlace(facts.place))}`);
  if (facts.why !== undefined) lines.push(`  why: ${facts.why}`);
  for (const problem of facts.problems ?? []) {
    const place = problem.place === undefined ? '' : `${style.cyan(formatPlace(problem.place))}: `;
    lines.push(`  ${place}${problem.message} ${style.dim(`[${problem.code}]`)}`);
    for (const detail of problem.details ?? []) lines.push(`    ${style.dim('|')} ${detail}`);
    if (problem.hint !== undefined) lines.push(`    ${problem.hint}`);
  }
  for (const detail of facts.details ?? []) lines.push(`  ${style.dim('|')} ${detail}`);
  if (facts.hint !== undefined) lines.push(`  ${style.green('hint:')} ${facts.hint}`);
  return lines;
}

/** The failure as the document that `--json` prints. */
export function failureDocument({ facts, exitCode }: Failure): { readonly error: object } {
  return { error: { ...facts, exitCode } };
}
