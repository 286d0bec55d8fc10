import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { RunResult } from '../../../src/io/process.ts';

/** What new users see after typical mistakes: a section for each, with the command, its message and its exit code. */
const MISTAKES = path.join(import.meta.dirname, '../mistakes.txt');
/** Set to rewrite the sections of the tests that run; then read every message as a new user would. */
const renews = process.env['KSBUNDLE_TEST_MISTAKES'] === 'renew';

/** A typical mistake that was just made. */
export interface Mistake {
  readonly title: string;
  /** The command as users type it. */
  readonly command: readonly string[];
  readonly result: Pick<RunResult, 'exitCode' | 'stderr'>;
  /** Directories by the name that is shown instead, inner ones first. */
  readonly places?: Readonly<Record<string, string>>;
}

/** Expects a command to have failed with the message that `MISTAKES` has. */
export async function expectMessage({ title, command, result, places = {} }: Mistake): Promise<void> {
  const said = `$ ${command.join(' ')}\n${result.stderr.trimEnd()}\nexit code ${result.exitCode}\n`;
  const found = withoutChance(said, places);
  expect(result.exitCode, found).not.toBe(0);
  const sections = await readSections();
  if (renews) {
    sections.set(title, found);
    const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1));
    await writeFile(MISTAKES, sorted.map(([name, text]) => `## ${name}\n${text}`).join('\n'));
  } else {
    expect(found).toBe(sections.get(title));
  }
}

/** The message of each mistake, by its title. */
async function readSections(): Promise<Map<string, string>> {
  const text = await readFile(MISTAKES, 'utf8');
  return new Map(
    [...text.matchAll(/^## (.*)\n([^]*?\nexit code .*\n)/gm)].map(([, title = '', said = '']) => [
      title,
      said,
    ]),
  );
}

/** Replaces what differs between machines and runs. */
function withoutChance(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places)
    .reduce((left, [name, place]) => left.replaceAll(place, name), text)
    .replaceAll(/\bprocess \d+/g, 'process N')
    .replaceAll(/127\.0\.0\.1:\d{5}\b/g, '127.0.0.1:PORT')
    .replaceAll(/(?<=bootstrap\.sh: )\d+(?=:)/g, 'LINE')
    .replaceAll(/\b\d+ MiB free/g, 'N MiB free')
    .replaceAll(/(?<=the key is )sha256:[0-9a-f]{64}/g, 'sha256:DIGEST')
    .replaceAll(/^ {2}\S.* \d+\.\d\d s.*\n/gm, '');
}
