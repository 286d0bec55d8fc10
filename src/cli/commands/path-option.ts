import path from 'node:path';
import type { Call } from '../command.ts';

/** Absolute path that an option names; undefined if it was not given. */
export function pathOption(
  { flags, directory }: Call,
  name: 'key' | 'out' | 'sign' | 'passphrase-file' | 'advisories' | 'html' | 'cra',
): string | undefined {
  const value = flags[name];
  return value === undefined ? undefined : path.resolve(directory, value);
}
