import { ExitCode } from '../../domain/errors.ts';
import type { RunCommand } from '../command.ts';

export const run: RunCommand = async ({ open }) => {
  const { pipeline, context } = await open();
  const result = await pipeline.verifyCache(context);
  return {
    data: result,
    lines: [
      ...result.damaged.map((digest) => `damaged and removed: ${digest}`),
      `${result.checked} entries read, ${result.damaged.length} damaged`,
    ],
    exitCode: result.damaged.length === 0 ? ExitCode.done : ExitCode.integrity,
  };
};
