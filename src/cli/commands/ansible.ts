import path from 'node:path';
import type { RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { alignColumns } from './columns.ts';
import { withInputFile } from './input-file.ts';
import { pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const [key, ...others] = pathsOption(call, 'key');
  if (others.length > 0)
    throw usageError(
      'KSB_BAD_VALUE',
      'hosts check one signature, and --key names more',
      'give one key; check the others with ksbundle verify',
    );
  const directory = path.resolve(call.directory, call.positionals[1] ?? '');
  const result = await withInputFile(call, (file) =>
    call.pipeline.writeCollection(file, { directory, key, signal: call.signal }),
  );
  return {
    data: result,
    lines: alignColumns([
      ...result.written.map((file) => ['wrote', path.relative(call.directory, file)]),
      [
        'next',
        `put hosts and answers into ${path.relative(call.directory, path.join(directory, 'inventory.yml'))}`,
      ],
      [
        'next',
        `cd ${path.relative(call.directory, directory) || '.'} && ansible-playbook ksbundle.release.deploy --check`,
      ],
    ]),
  };
};
