import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ifThere } from '../../io/if-there.ts';
import type { Call } from '../command.ts';

/**
 * Where a command writes its single result: into a directory under its default name or, if `--out` does not name a
 * directory, to that file.
 */
export async function chooseDestination({
  flags,
  settings,
  directory,
}: Call): Promise<{ readonly directory: string; readonly file?: string }> {
  const given = flags.out;
  if (given === undefined) return { directory: settings.out };
  const target = path.resolve(directory, given);
  const isDirectory = given.endsWith('/') || (await ifThere(stat(target)))?.isDirectory() === true;
  return isDirectory ? { directory: target } : { directory: path.dirname(target), file: target };
}
