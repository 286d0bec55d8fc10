import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';

/** `KSB_DISK_FULL` naming `file` if the cause is a full file system or quota; otherwise `error` itself. */
export function explainDiskFull(error: unknown, file: string): unknown {
  if (!isErrnoException(error, 'ENOSPC') && !isErrnoException(error, 'EDQUOT')) return error;
  return new KsbundleError({
    code: 'KSB_DISK_FULL',
    exitCode: ExitCode.failed,
    message: `no space left while writing ${file}`,
    why: error.code === 'EDQUOT' ? 'the disk quota is used up' : 'its file system is full',
    hint: 'free some space there, or choose another place; ksbundle cache gc frees some in the store',
    cause: error,
  });
}
