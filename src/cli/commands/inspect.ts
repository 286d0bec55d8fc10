import type { RunCommand } from '../command.ts';
import { formatBytes } from '../reporter/format.ts';
import { alignColumns } from './columns.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const pipeline = await call.pipeline();
  const result = await withInputFile(call, (file) => pipeline.inspectFile(file));
  const rows = result.parts.map(({ kind, name, version, license, size }) => [
    kind,
    name,
    version,
    formatBytes(size),
    license,
  ]);
  return {
    data: result,
    lines: [
      `${result.release} for ${result.platform}: ${formatBytes(result.packedSize)} packed, ${formatBytes(result.unpackedSize)} unpacked`,
      ...alignColumns([['kind', 'name', 'version', 'size', 'licence'], ...rows], [3]),
    ],
  };
};
