import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';

export const run: RunCommand = async ({ flags, open }) => {
  const dryRun = flags['dry-run'] === true;
  const { pipeline, context } = await open();
  const result = await pipeline.collectCache(context, { dryRun });
  const verb = dryRun ? 'would remove' : 'removed';
  return {
    data: { ...result, dryRun },
    lines: [`${verb} ${result.removed} entries, ${formatBytes(result.freed)}`],
  };
};
