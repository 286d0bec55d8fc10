import type { RunCommand } from '../command.ts';
import { chooseDestination } from './destination.ts';
import { withInputFile } from './input-file.ts';
import { pathOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const { emit, signal } = call;
  const options = { ...(await chooseDestination(call)), key: pathOption(call, 'key'), emit, signal };
  const result = await withInputFile(call, (from) =>
    withInputFile(call, (delta) => call.pipeline.applyFile(from, delta, options), { position: 1 }),
  );
  const { file, signature, sha256, key } = result;
  return {
    data: result,
    lines: [
      file,
      ...(signature === undefined ? [] : [signature]),
      `sha256:${sha256}`,
      ...(key === undefined ? [] : [`signed by the key sha256:${key}`]),
    ],
  };
};
