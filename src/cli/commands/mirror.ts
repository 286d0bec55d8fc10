import path from 'node:path';
import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';
import { fetchedFiles } from './fetch.ts';

export const run: RunCommand = async ({ positionals, flags, directory, open }) => {
  const [target = '', name] = positionals;
  const opened = await open();
  const bundle = await chooseBundle(opened, name);
  return fetchedFiles(
    await opened.pipeline.mirrorBundle(opened.context, bundle, {
      directory: path.resolve(directory, target),
      dryRun: flags['dry-run'] === true,
    }),
  );
};
