import path from 'node:path';
import type { RunCommand } from '../command.ts';

export const run: RunCommand = async ({ positionals, directory, open }) => {
  const { pipeline, context } = await open();
  const result = await pipeline.distrustKey(context, path.resolve(directory, positionals[0] ?? ''));
  return {
    data: result,
    lines: result.forgotten.map(
      ({ component, version, artifact }) => `forgotten: ${artifact} ${component} ${version}`,
    ),
  };
};
