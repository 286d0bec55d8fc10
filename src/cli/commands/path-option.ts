import path from 'node:path';
import type { Call } from '../command.ts';

/** Absolute path that an option names; undefined if it was not given. */
export function pathOption(
  { flags, directory }: Call,
  name: 'out' | 'passphrase-file' | 'advisories' | 'html' | 'cra' | 'base',
): string | undefined {
  const value = flags[name];
  return value === undefined ? undefined : path.resolve(directory, value);
}

/** Absolute paths that an option names, which may be repeated. */
export function pathsOption({ flags, directory }: Call, name: 'key' | 'sign'): string[] {
  return (flags[name] ?? []).map((value) => path.resolve(directory, value));
}
