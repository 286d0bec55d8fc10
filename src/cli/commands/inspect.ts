import { SBOM_FORMATS } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { formatBytes } from '../reporter/format.ts';
import { alignColumns } from './columns.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const pipeline = await call.pipeline();
  const format = SBOM_FORMATS.find((name) => name === call.flags.sbom);
  if (format !== undefined && call.flags.vex === true)
    throw usageError('KSB_BAD_VALUE', '--sbom and --vex are two documents', 'ask for one after the other');
  if (format !== undefined || call.flags.vex === true) {
    const text = await withInputFile(call, (file) =>
      format === undefined ? pipeline.readVex(file) : pipeline.readSbom(file, format),
    );
    return { data: JSON.parse(text), lines: [text.trimEnd()] };
  }
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
