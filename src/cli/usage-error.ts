import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';

/** An error in the command line: exit code 2. */
export function usageError(code: string, message: string, hint?: string): KsbundleError {
  return new KsbundleError({
    code,
    exitCode: ExitCode.usage,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `did you mean X?` if a name is near enough, and always the valid names. */
export function nearestHint(name: string, valid: readonly string[]): string {
  const suggestion = nearest(name, valid);
  const list = `valid: ${valid.join(', ')}`;
  return suggestion === undefined ? list : `did you mean ${suggestion}? (${list})`;
}
