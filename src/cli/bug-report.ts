import path from 'node:path';
import { inspect } from 'node:util';
import { redactUrl } from '../domain/url.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { stateHome, type Environment } from './environment.ts';
import { packageVersion } from '../io/package-info.ts';

export interface BugCircumstances {
  readonly argv: readonly string[];
  readonly environment: Environment;
}

/**
 * Writes the details of a bug to a file below the user's state directory and returns its path; undefined if it cannot
 * be written, because no other error may hide the bug. The same bug uses the same file.
 */
export async function writeBugReport(
  error: unknown,
  { argv, environment }: BugCircumstances,
): Promise<string | undefined> {
  const text = redactUrl(
    [
      `ksbundle ${await packageVersion()}, Node.js ${process.version}, ${process.platform} ${process.arch}`,
      `arguments: ${JSON.stringify(argv)}`,
      '',
      inspect(error, { depth: 6 }),
      '',
    ].join('\n'),
  );
  const file = path.join(stateHome(environment), 'ksbundle', `bug-${hashBytes(text).slice(0, 12)}.log`);
  try {
    await writeFileAtomically(file, text, { mode: 0o600 });
    return file;
  } catch {
    return undefined;
  }
}
