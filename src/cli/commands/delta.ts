import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { chooseDestination } from './destination.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const { emit, signal } = call;
  const options = { ...(await chooseDestination(call)), emit, signal };
  const result = await withInputFile(call, (from) =>
    withInputFile(call, (to) => call.pipeline.deltaFiles(from, to, options), { position: 1 }),
  );
  const { file, from, to, size, newSize } = result;
  return {
    data: result,
    lines: [file, `${from} → ${to}: ${formatBytes(size)} instead of ${formatBytes(newSize)}`],
  };
};
