import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';

export const run: RunCommand = async ({ positionals, open }) => {
  const [name = '', bundle] = positionals;
  const opened = await open();
  const result = await opened.pipeline.whyName(opened.context, await chooseBundle(opened, bundle), name);
  return {
    data: result,
    lines: [
      `${result.kind} ${result.name} ${result.version}`,
      ...result.chains.map((chain) => `  ${chain.join(' → ')}`),
    ],
  };
};
