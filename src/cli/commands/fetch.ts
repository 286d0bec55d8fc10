import type { FetchResult } from '../../domain/results.ts';
import type { CommandResult, RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { chooseBundle } from './bundle-choice.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ positionals, flags, open }) => {
  const opened = await open();
  const bundle = await chooseBundle(opened, positionals[0]);
  return fetchedFiles(
    await opened.pipeline.fetchBundle(opened.context, bundle, { dryRun: flags['dry-run'] === true }),
  );
};

/** The files, one per line; `mirror` prints the same. */
export function fetchedFiles(result: FetchResult): CommandResult {
  const rows = result.files.map(({ sha256, size, file }) => [sha256, formatBytes(size), file]);
  return { data: result, lines: alignColumns(rows, [1]) };
}
