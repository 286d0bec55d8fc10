import { ExitCode } from '../domain/errors.ts';

const MEANINGS: Readonly<Record<keyof typeof ExitCode, string>> = {
  done: 'done',
  failed: 'failed',
  usage: 'usage or invalid recipe',
  hostTool: 'the host lacks something',
  integrity: 'integrity',
  audit: 'audit',
  bug: 'bug',
  interrupted: 'interrupted',
};

/** Every exit code with its meaning in a few words, for help and manual pages; docs/cli.md says more. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = Object.entries(ExitCode).map(
  ([name, code]) => [code, MEANINGS[name as keyof typeof ExitCode]],
);
