import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';

/** The error for an unreadable file that the user named; `hint` suggests alternatives. */
export function unreadableFile(file: string, facts: { readonly why: string; readonly hint: string }) {
  return new KsbundleError({
    code: 'KSB_FILE_UNREADABLE',
    exitCode: ExitCode.usage,
    message: `cannot read ${file}`,
    ...facts,
  });
}

/**
 * The status of a file or directory that the user named. Throws `KSB_FILE_UNREADABLE` if it does not exist or cannot
 * be reached.
 */
export async function statInput(file: string, hint: string): Promise<Stats> {
  try {
    return await stat(file);
  } catch (error) {
    const gone = isErrnoException(error, 'ENOENT');
    throw unreadableFile(file, { why: gone ? 'there is no such file' : String(error), hint });
  }
}
