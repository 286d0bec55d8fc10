import path from 'node:path';
import { formatBytes } from '../../domain/quantities.ts';
import type { RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { alignColumns } from './columns.ts';
import { pathOption, pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const [directory = '', ...bundles] = call.positionals;
  const files = pathsOption(call, 'sign');
  if (files.length === 0)
    throw usageError(
      'KSB_MISSING_ARGUMENT',
      'ksbundle cache export needs --sign KEY: nobody uses an artifact that is not signed',
      'make a key: ksbundle keygen FILE',
    );
  const { pipeline, context } = await call.open();
  const result = await pipeline.exportCache(context, {
    directory: path.resolve(call.directory, directory),
    bundles,
    sign: { files, passphraseFile: pathOption(call, 'passphrase-file') },
  });
  const rows = result.artifacts.map(({ component, version, key, file }) => [
    key,
    formatBytes(file.size),
    `${component} ${version}`,
  ]);
  return { data: result, lines: alignColumns(rows, [1]) };
};
