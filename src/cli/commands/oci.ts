import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { usageError } from '../usage-error.ts';
import { chooseDestination } from './destination.ts';
import { withInputFile } from './input-file.ts';
import { pathOption, pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const base = pathOption(call, 'base');
  if (base === undefined)
    throw usageError(
      'KSB_BAD_USAGE',
      'ksbundle oci needs --base LAYOUT',
      'a release needs a C library, a shell and coreutils: get an image with them, for example with skopeo copy docker://debian:bookworm-slim oci:base, and add --base base',
    );
  const { emit, signal } = call;
  const options = { ...(await chooseDestination(call)), base, keys: pathsOption(call, 'key'), emit, signal };
  const result = await withInputFile(call, (file) => call.pipeline.imageFile(file, options));
  const { file, name, digest, layers, referrers } = result;
  const size = layers.reduce((total, layer) => total + layer.size, 0);
  return {
    data: result,
    lines: [
      file,
      `image      ${name} ${digest}`,
      `layers     ${layers.length}, ${formatBytes(size)}, on ${result.base}`,
      `referrers  ${referrers.map(({ artifactType }) => artifactType).join(', ')}`,
    ],
  };
};
