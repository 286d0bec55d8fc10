import type { VulnerabilityChanges } from '../../domain/advisories/comparison.ts';
import { describeVulnerability } from '../../domain/advisories/report-text.ts';
import type { DiffResult } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { countChanges, describeChanges } from './changes.ts';
import { withInputFile } from './input-file.ts';
import { lookUpOptions } from './look-up.ts';

export const run: RunCommand = async (call) => {
  const options = { lookUp: lookUpOptions(call), signal: call.signal };
  const result = await withInputFile(call, (from) =>
    withInputFile(call, (to) => call.pipeline.diffFiles(from, to, options), { position: 1 }),
  );
  return { data: result, lines: describe(result) };
};

function describe({ from, to, identical, parts, files, vulnerabilities }: DiffResult): string[] {
  return [
    ...(identical
      ? [`${from} and ${to} are the same release`]
      : [`${from} → ${to}: ${countChanges(files)}`, ...describeChanges(parts, files)]),
    ...(vulnerabilities === undefined ? [] : describeVulnerabilities(vulnerabilities)),
  ];
}

function describeVulnerabilities({ gone, added, kept }: VulnerabilityChanges): string[] {
  return [
    '',
    ...gone.map((each) => `gone: ${describeVulnerability(each)}`),
    ...added.map((each) => `new: ${describeVulnerability(each)}`),
    ...kept.map((each) => `stays: ${describeVulnerability(each)}`),
    `known vulnerabilities: ${gone.length} gone, ${added.length} new, ${kept.length} stay`,
  ];
}
