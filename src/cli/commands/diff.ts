import type { DiffResult } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { countChanges, describeChanges } from './changes.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const pipeline = await call.pipeline();
  const result = await withInputFile(call, (from) =>
    withInputFile(call, (to) => pipeline.diffFiles(from, to), { position: 1 }),
  );
  return { data: result, lines: describe(result) };
};

function describe({ from, to, identical, parts, files }: DiffResult): string[] {
  if (identical) return [`${from} and ${to} are the same release`];
  return [`${from} → ${to}: ${countChanges(files)}`, ...describeChanges(parts, files)];
}
