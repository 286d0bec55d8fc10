import type { RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { withInputFile } from './input-file.ts';
import { pathOption, pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const files = pathsOption(call, 'key');
  if (files.length === 0)
    throw usageError(
      'KSB_MISSING_ARGUMENT',
      'ksbundle sign needs --key KEY',
      'make one: ksbundle keygen FILE',
    );
  if (call.positionals[0] === '-')
    throw usageError(
      'KSB_BAD_VALUE',
      'ksbundle sign signs a file in place, so it cannot sign standard input',
    );
  const passphraseFile = pathOption(call, 'passphrase-file');
  const result = await withInputFile(call, (file) =>
    call.pipeline.signFile(file, { files, passphraseFile, signal: call.signal }),
  );
  return { data: result, lines: [result.file, ...result.signatures] };
};
