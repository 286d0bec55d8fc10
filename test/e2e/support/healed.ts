import { appendFile, readFile } from 'node:fs/promises';

/** One line for each point known to heal. */
const FILE = process.env['KSBUNDLE_TEST_HEALED'];

/**
 * Points that healed in earlier runs on the same bundle: a loop over all points takes hours, and resumes if
 * `KSBUNDLE_TEST_HEALED` names a file to record them in. Use a new file for another bundle.
 */
export async function readHealed(): Promise<ReadonlySet<string>> {
  return new Set(FILE === undefined ? [] : (await readFile(FILE, 'utf8').catch(() => '')).split('\n'));
}

export async function rememberHealed(point: string): Promise<void> {
  if (FILE !== undefined) await appendFile(FILE, `${point}\n`);
}
