import { ExitCode, KsbundleError } from '../domain/errors.ts';

/** The error for a tarball or a directory that was expected to be a release. */
export function notARelease(file: string, why: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_NOT_A_RELEASE',
    exitCode: ExitCode.integrity,
    message: `${file} is not a release of ksbundle`,
    why,
  });
}
