import type { RunCommand } from '../command.ts';
import { formatBytes } from '../reporter/format.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const pipeline = await call.pipeline();
  const result = await withInputFile(call, (file) => pipeline.verifyFile(file));
  return {
    data: result,
    lines: [
      `${result.release}: ${result.filesChecked} files and all ${formatBytes(result.bytes)} are as they were packed`,
    ],
  };
};
