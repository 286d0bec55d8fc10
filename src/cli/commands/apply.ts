import type { RunCommand } from '../command.ts';
import { chooseDestination } from './destination.ts';
import { withInputFile } from './input-file.ts';
import { pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const { emit, signal } = call;
  const options = { ...(await chooseDestination(call)), keys: pathsOption(call, 'key'), emit, signal };
  const result = await withInputFile(call, (from) =>
    withInputFile(call, (delta) => call.pipeline.applyFile(from, delta, options), { position: 1 }),
  );
  const { file, signatures, sha256, keys } = result;
  return {
    data: result,
    lines: [file, ...signatures, `sha256:${sha256}`, ...keys.map((key) => `signed by the key sha256:${key}`)],
  };
};
