import { SBOM_FORMATS } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { visibleInJson } from '../../domain/visible.ts';
import { usageError } from '../usage-error.ts';
import { alignColumns } from './columns.ts';
import { withInputFile } from './input-file.ts';
import { lookUpOptions } from './look-up.ts';
import { pathOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const format = SBOM_FORMATS.find((name) => name === call.flags.sbom);
  const { flags } = call;
  const asked = (['sbom', 'vex', 'html', 'cra'] as const).filter(
    (name) => flags[name] !== undefined && flags[name] !== false,
  );
  if (asked.length > 1)
    throw usageError(
      'KSB_BAD_VALUE',
      `--${asked.join(' and --')} are different documents`,
      'use one of these options at a time',
    );
  const page = pathOption(call, 'html');
  const lookUp = lookUpOptions(call);
  if (lookUp !== undefined && page === undefined)
    throw usageError(
      'KSB_BAD_USAGE',
      '--advisories needs --html',
      'add --html FILE, or use ksbundle audit --advisories',
    );
  if (format !== undefined || call.flags.vex === true) {
    const text = await withInputFile(call, (file) =>
      format === undefined ? call.pipeline.readVex(file) : call.pipeline.readSbom(file, format),
    );
    return { data: JSON.parse(text), lines: visibleInJson(text).trimEnd().split('\n') };
  }
  const dossier = pathOption(call, 'cra');
  if (dossier !== undefined) {
    const written = await withInputFile(call, (file) => call.pipeline.writeDossier(file, dossier));
    return { data: written, lines: [written.page] };
  }
  if (page !== undefined) {
    const { context } = await call.open();
    const report = await withInputFile(call, (file) =>
      call.pipeline.writeReport(context, file, { page, lookUp }),
    );
    return { data: report, lines: [report.page] };
  }
  const result = await withInputFile(call, (file) => call.pipeline.inspectFile(file));
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
