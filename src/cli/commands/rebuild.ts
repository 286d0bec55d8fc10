import { ExitCode } from '../../domain/errors.ts';
import type { BuilderDifference, ExplainedFile, RebuildResult } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { countChanges, describeChanges } from './changes.ts';
import { withInputFile } from './input-file.ts';
import { pathOption, pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const { pipeline, context } = await call.open();
  const options = {
    out: pathOption(call, 'out'),
    keys: pathsOption(call, 'key'),
    trust: call.flags.trust === true,
  };
  const result = await withInputFile(call, (file) => pipeline.rebuildFile(context, file, options));
  return {
    data: result,
    lines: [
      ...describe(result),
      ...describeEscrow(result),
      ...(result.rebuilt === undefined ? [] : [`kept     ${result.rebuilt}`]),
      ...describeBuilders(result.builders),
    ],
    ...(result.identical && result.escrow?.identical !== false ? {} : { exitCode: ExitCode.integrity }),
  };
};

function describe({ release, identical, sha256, rebuiltSha256, parts, files }: RebuildResult): string[] {
  if (identical) return [`${release}: built again, identical`, `sha256:${sha256}`];
  return [
    `${release}: the rebuilt tarball differs`,
    `given    sha256:${sha256}`,
    `rebuilt  sha256:${rebuiltSha256}`,
    ...(parts.length === 0
      ? ['every file is the same; only the compression differs, which depends on the zlib of Node']
      : [countChanges(files), ...describeChanges(parts, files), ...files.flatMap(describeFile)]),
  ];
}

function describeEscrow({ escrow }: RebuildResult): string[] {
  if (escrow === undefined) return [];
  const { identical, sha256, rebuiltSha256 } = escrow;
  if (identical) return ['and so is the escrow archive', `sha256:${sha256}`];
  return [
    'the escrow archive differs',
    `given    sha256:${sha256}`,
    `rebuilt  sha256:${rebuiltSha256}`,
    'it contains the ksbundle that made it: rebuild it with that version, as its README describes',
  ];
}

function describeFile({ path, firstByte, report = [] }: ExplainedFile): string[] {
  if (firstByte === undefined) return [];
  return ['', `${path} differs from byte ${firstByte} on`, ...report.map((line) => `  ${line}`)];
}

function describeBuilders(builders: readonly BuilderDifference[] | undefined): string[] {
  if (builders === undefined)
    return ['it is not known which ksbundle and programs built it: there is no provenance file beside it'];
  return builders.map(
    ({ name, from = 'none', to = 'none' }) => `it was built with ${name} ${from}; here is ${to}`,
  );
}
