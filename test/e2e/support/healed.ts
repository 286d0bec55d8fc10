import { appendFile, readFile } from 'node:fs/promises';

/** One line for each point that was seen to heal. */
const FILE = process.env['KSBUNDLE_TEST_HEALED'];

/**
 * What earlier runs on the same bundle have seen to heal: a loop over all points takes hours, and goes on where it was
 * cut off if `KSBUNDLE_TEST_HEALED` names a file to remember them in. Begin another one for another bundle.
 */
export async function readHealed(): Promise<ReadonlySet<string>> {
  return new Set(FILE === undefined ? [] : (await readFile(FILE, 'utf8').catch(() => '')).split('\n'));
}

export async function rememberHealed(point: string): Promise<void> {
  if (FILE !== undefined) await appendFile(FILE, `${point}\n`);
}
