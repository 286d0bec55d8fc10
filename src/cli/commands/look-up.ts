import type { Call } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { pathOption } from './path-option.ts';

/** Days. Many projects release monthly, and many users transfer files to isolated networks monthly. */
const DEFAULT_MAX_AGE = 30;

/** The database of advisories that the user named; undefined if none. */
export function lookUpOptions(
  call: Call,
): { readonly database: string; readonly maxAge: number } | undefined {
  const database = pathOption(call, 'advisories');
  const days = call.flags['max-age'];
  if (days !== undefined && database === undefined)
    throw usageError(
      'KSB_BAD_USAGE',
      '--max-age needs --advisories: it limits the age of that database',
      'use both options',
    );
  if (database === undefined) return undefined;
  if (days !== undefined && !/^\d{1,6}$/u.test(days))
    throw usageError('KSB_BAD_VALUE', `--max-age is ${JSON.stringify(days)}`, 'use a whole number of days');
  return { database, maxAge: days === undefined ? DEFAULT_MAX_AGE : Number(days) };
}
